with raw as (

    select *
    from {{ source('raw_shopify', 'shop') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,

        ---------- text
        raw.name,
        raw.myshopify_domain,
        raw.currency_code as currency,
        raw.iana_timezone as time_zone,

        ---------- booleans
        raw.taxes_included as is_tax_inclusive,

        ---------- timestamps
        raw.created_at,
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
