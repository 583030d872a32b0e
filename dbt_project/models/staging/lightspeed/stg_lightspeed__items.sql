with raw as (

    select *
    from {{ source('raw_lightspeed', 'item') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.item_id,
        raw.category_id,
        raw.tax_class_id,
        raw.department_id,
        raw.item_matrix_id,
        raw.manufacturer_id,
        raw.season_id,
        raw.default_vendor_id,

        ---------- text
        raw.system_sku,
        raw.description,
        raw.item_type,
        raw.upc,
        raw.ean,
        raw.custom_sku,
        raw.manufacturer_sku,

        ---------- numerics
        raw.default_cost,
        raw.avg_cost,
        {{ listed_price('raw.prices', 'Default') }} as default_price,

        ---------- booleans
        raw.tax as is_taxed,
        raw.archived as is_archived,
        raw.discountable as is_discountable,
        raw.serialized as is_serialized,
        raw.publish_to_ecom as is_published_to_ecom,

        ---------- timestamps
        raw.create_time as created_at,
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.prices as prices_json,
        raw.extra as extra_json

    from raw

)

select * from renamed
