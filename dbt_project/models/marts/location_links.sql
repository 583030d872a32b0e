with links as (

    select *
    from {{ ref('int_location_links') }}

)

select
    source,
    store_id,
    location_id,
    location_name,
    is_active,
    account_id,
    shop_id,
    shop_name,
    basis,
    since,
    candidate_shop_ids
from links
