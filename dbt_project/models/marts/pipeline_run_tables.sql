with run_tables as (

    select *
    from {{ ref('stg_tillhouse__run_tables') }}

)

select
    run_id,
    source,
    account_id,
    table_name,
    requests,
    pages,
    cast(drips as decimal(18, 4)) as drips,
    rows_seen,
    rows_new,
    rows_changed,
    rejected,
    drift,
    cast(seconds as decimal(18, 3)) as seconds,
    began_at,
    cursor_from,
    cursor_to,
    failure
from run_tables
