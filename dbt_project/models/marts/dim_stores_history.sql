with versions as (

    select *
    from {{ ref('int_store_versions') }}

)

select
    source,
    store_id,
    account_id,
    version,
    valid_from,
    valid_to,
    is_current,
    store_name,
    time_zone,
    currency,
    modified_at
from versions
