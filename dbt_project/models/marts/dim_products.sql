with items as (

    select *
    from {{ ref('stg_lightspeed__items') }}

),

categories as (

    select *
    from {{ ref('stg_lightspeed__categories') }}

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
    coalesce(categories.is_deleted, false) as is_category_deleted,
    nullif(items.manufacturer_id, 0) as manufacturer_id,
    nullif(items.default_vendor_id, 0) as default_vendor_id,
    nullif(items.item_matrix_id, 0) as item_matrix_id,
    items.item_type,
    items.default_cost,
    coalesce(items.is_archived, false) as is_archived,
    items.created_at
from items
left join categories
    on
        items.account_id = categories.account_id
        and items.category_id = categories.category_id
