with locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

zones as (

    select *
    from {{ ref('int_lightspeed__shop_zones') }}
    where is_current

)

select
    locations.account_id,
    locations.shop_id,
    locations.account_name,
    locations.location_name,
    coalesce(zones.time_zone, 'UTC') as time_zone,
    locations.currency,
    locations.price_level_id,
    locations.is_known,
    locations.is_archived,
    locations.is_deleted,
    locations.modified_at
from locations
left join zones
    on
        locations.account_id = zones.account_id
        and locations.shop_id = zones.shop_id
