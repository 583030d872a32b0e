with versions as (

    {{
        versions_of(
            ref('dim_products'),
            ref('stg_tillhouse__published_product_versions'),
            keys=['account_id', 'item_id'],
            ids=['category_id', 'manufacturer_id', 'default_vendor_id'],
            facts=['product_name', 'default_price', 'is_archived'],
            names={
                'category_path': 'category_id', 'brand_name': 'manufacturer_id', 'vendor_name': 'default_vendor_id'
            }
        )
    }}

)

select
    account_id,
    item_id,
    version,
    valid_from,
    valid_to,
    is_current,
    product_name,
    category_id,
    category_path,
    manufacturer_id,
    brand_name,
    default_vendor_id,
    vendor_name,
    default_price,
    is_archived,
    modified_at
from versions
