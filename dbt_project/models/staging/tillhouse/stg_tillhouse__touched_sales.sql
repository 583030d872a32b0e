with raw as (

    select *
    from {{ source('raw_tillhouse', 'touched_sale') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.sale_id

    from raw

)

select * from renamed
