with raw as (

    select *
    from {{ source('raw_lightspeed', 'report_tax') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.tax_category_id,

        ---------- text
        raw.tax_category_name,

        ---------- numerics
        raw.tax,

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
