with raw as (

    select *
    from {{ source('raw_lightspeed', 'whole_read') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw._run_id as run_id,

        ---------- text
        raw.table_name

    from raw

)

select * from renamed
