with raw as (

    select *
    from {{ source('raw_shopify', 'drift') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw._run_id as run_id,

        ---------- text
        raw.table_name,
        raw.field,

        ---------- numerics
        raw.rows

    from raw

)

select * from renamed
