with events as (

    select *
    from {{ ref('fct_sales_events') }}
    where include_in_revenue

),

items_by_sku as (

    select *
    from {{ ref('int_items_by_sku') }}

),

{# goods are their item, at the till by its id and online by its SKU; what is no goods is a product of its own kind #}
identified as (

    select
        events.*,
        case when events.line_type = 'product' then coalesce(events.item_id, items_by_sku.item_id) end
            as product_item_id,
        case
            when events.line_type <> 'product' then events.line_type
            when coalesce(events.item_id, items_by_sku.item_id) is not null then 'item'
            when trim(events.sku) <> '' then 'sku'
            else 'miscellaneous'
        end as product_kind
    from events
    left join items_by_sku
        on
            events.account_id = items_by_sku.account_id
            and events.sku = items_by_sku.sku

)

select
    source,
    account_id,
    store_id,
    order_id,
    event_id,
    event_type,
    line_type,
    shop_id,
    location_name,
    currency,
    case product_kind
        when 'item' then concat('item ', cast(product_item_id as varchar))
        when 'sku' then concat('sku ', trim(sku))
        else product_kind
    end as product_key,
    product_kind,
    product_item_id,
    quantity,
    gross_amount,
    discount_amount,
    return_amount,
    net_amount,
    shipping_amount,
    tax_amount,
    total_amount,
    cost_source,
    cost_amount,
    business_date
from identified
