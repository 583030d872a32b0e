with runs as (

    select *
    from {{ ref('stg_tillhouse__runs') }}

)

select
    run_id,
    command,
    status,
    started_at,
    finished_at,
    accounts,
    accounts_failed,
    requests,
    rows_loaded,
    rejected_values,
    coalesce(published_anyway, false) as published_anyway,
    message
from runs
