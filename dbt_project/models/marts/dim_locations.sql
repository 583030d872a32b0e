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
    is_known,
    is_archived,
    is_deleted
from locations
