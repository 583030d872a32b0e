select
    store_id as account_id,
    shop_id,
    time_zone,
    valid_from,
    valid_to,
    is_current
from {{ ref('int_time_zones') }}
where source = 'lightspeed'
