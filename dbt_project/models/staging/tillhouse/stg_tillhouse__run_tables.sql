with raw as (

    select *
    from {{ source('raw_tillhouse', 'run_table') }}

),

renamed as (

    select

        ---------- ids
        raw.run_id,
        raw.account_id,

        ---------- text
        raw.source,
        raw.table_name,
        raw.cursor_from,
        raw.cursor_to,
        raw.failure,

        ---------- numerics
        raw.requests,
        raw.pages,
        raw.drips,
        raw.rows_seen,
        raw.rows_new,
        raw.rows_changed,
        raw.rejected,
        raw.drift,
        raw.seconds,

        ---------- timestamps
        raw.began_at

    from raw

)

select * from renamed
