with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_order_payment') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.order_id,
        raw.shop_id,
        raw.payment_type_id,

        ---------- numerics
        raw.amount,

        ---------- dates
        raw.business_date

    from raw

)

select * from renamed
