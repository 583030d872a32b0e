with raw as (

    select *
    from {{ source('raw_shopify', 'rejected_value') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.record_id,
        raw._run_id as run_id,

        ---------- text
        raw.table_name,
        raw.column_name,
        raw.value

    from raw

)

select * from renamed
