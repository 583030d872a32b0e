with raw as (

    select *
    from {{ source('raw_lightspeed', 'report_sales') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.tax_class_id,

        ---------- text
        raw.tax_class_name,

        ---------- numerics
        raw.subtotal,
        raw.fifo_cost,
        raw.avg_cost,

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
