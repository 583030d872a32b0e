with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_measure') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.payment_type_id,

        ---------- text
        raw.measure,

        ---------- numerics
        raw.amount,

        ---------- dates
        raw.business_date

    from raw

)

select * from renamed
