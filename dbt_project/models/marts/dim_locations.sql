with locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

)

select
    account_id,
    shop_id,
    account_name,
    location_name,
    time_zone,
    currency,
    nullif(price_level_id, 0) as price_level_id,
    is_known,
    is_archived,
    is_deleted,
    modified_at
from locations
