with versions as (

    select *
    from {{ ref('int_location_versions') }}

)

select
    account_id,
    shop_id,
    version,
    valid_from,
    valid_to,
    is_current,
    location_name,
    time_zone,
    price_level_id,
    is_archived,
    modified_at
from versions
