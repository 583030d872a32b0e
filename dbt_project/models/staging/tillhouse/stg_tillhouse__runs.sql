with raw as (

    select *
    from {{ source('raw_tillhouse', 'run') }}

),

renamed as (

    select

        ---------- ids
        raw.run_id,

        ---------- text
        raw.command,
        raw.status,
        raw.message,

        ---------- numerics
        raw.accounts,
        raw.accounts_failed,
        raw.requests,
        raw.rows_loaded,
        raw.rejected_values,

        ---------- booleans
        raw.published_anyway,

        ---------- timestamps
        raw.started_at,
        raw.finished_at

    from raw

)

select * from renamed
