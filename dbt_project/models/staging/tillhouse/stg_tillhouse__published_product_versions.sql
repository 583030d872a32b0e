with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_product_version') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.item_id,
        raw.category_id,
        raw.manufacturer_id,
        raw.default_vendor_id,

        ---------- text
        raw.product_name,
        raw.category_path,
        raw.brand_name,
        raw.vendor_name,

        ---------- numerics
        raw.version,
        raw.default_price,

        ---------- booleans
        raw.is_archived,
        raw.is_current,

        ---------- timestamps
        raw.valid_from,
        raw.valid_to,
        raw.modified_at

    from raw

)

select * from renamed
