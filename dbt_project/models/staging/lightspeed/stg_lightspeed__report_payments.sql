with raw as (

    select *
    from {{ source('raw_lightspeed', 'report_payment') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.payment_type_id,

        ---------- text
        raw.payment_type_name,

        ---------- numerics
        raw.amount,

        ---------- booleans
        raw.layaway as is_layaway,

        ---------- dates
        cast(raw.day as date) as business_date,

        ---------- timestamps
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    where raw.shop_id <> 0

)

select * from renamed
