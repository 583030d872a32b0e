with items as (

    select *
    from {{ ref('stg_lightspeed__items') }}

),

categories as (

    select *
    from {{ ref('stg_lightspeed__categories') }}

),

manufacturers as (

    select *
    from {{ ref('stg_lightspeed__manufacturers') }}

),

vendors as (

    select *
    from {{ ref('stg_lightspeed__vendors') }}

)

select
    items.account_id,
    items.item_id,
    items.description as product_name,
    items.system_sku,
    nullif(items.custom_sku, '') as custom_sku,
    nullif(items.upc, '') as upc,
    nullif(items.ean, '') as ean,
    nullif(items.category_id, 0) as category_id,
    categories.name as category_name,
    categories.full_path_name as category_path,
    {{ dbt.split_part('categories.full_path_name', "'/'", 1) }} as top_category,
    coalesce(categories.is_deleted, false) as is_category_deleted,
    nullif(items.manufacturer_id, 0) as manufacturer_id,
    manufacturers.name as brand_name,
    nullif(items.default_vendor_id, 0) as default_vendor_id,
    vendors.name as vendor_name,
    nullif(items.item_matrix_id, 0) as item_matrix_id,
    items.item_type,
    items.default_cost,
    items.default_price,
    coalesce(items.is_archived, false) as is_archived,
    items.created_at,
    greatest(items.modified_at, categories.modified_at, manufacturers.modified_at, vendors.modified_at) as modified_at
from items
left join categories
    on
        items.account_id = categories.account_id
        and items.category_id = categories.category_id
left join manufacturers
    on
        items.account_id = manufacturers.account_id
        and items.manufacturer_id = manufacturers.manufacturer_id
left join vendors
    on
        items.account_id = vendors.account_id
        and items.default_vendor_id = vendors.vendor_id
