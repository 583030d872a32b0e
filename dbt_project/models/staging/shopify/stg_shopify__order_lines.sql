with raw as (

    select *
    from {{ source('raw_shopify', 'order_line') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,
        raw.order_id,
        raw.id as order_line_id,
        raw.variant_id,
        raw.product_id,

        ---------- text
        raw.name,
        nullif(trim(raw.sku), '') as sku,
        raw.barcode,

        ---------- numerics
        raw.quantity,
        raw.current_quantity,
        raw.original_unit_price,

        ---------- booleans
        raw.is_gift_card,
        raw.requires_shipping,

        ---------- timestamps
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
