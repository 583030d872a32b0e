with raw as (

    select *
    from {{ source('raw_ecwid', 'whole_read') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,
        raw._run_id as run_id,

        ---------- text
        raw.table_name

    from raw

)

select * from renamed
