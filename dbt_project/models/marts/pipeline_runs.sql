with runs as (

    select *
    from {{ source('raw_tillhouse', 'run') }}

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
