with events as (

    select
        events.*,
        {# a cost of nothing is a cost that nobody entered #}
        events.line_type = 'product' and events.cost_source <> 'unknown' and events.cost_amount <> 0 as has_cost,
        events.event_type in ('return', 'cancel') as is_back,
        events.event_type = 'sale' and events.line_type = 'product' and events.quantity > 0 as is_sold_line
    from {{ ref('int_product_events') }} as events

),

products as (

    select *
    from {{ ref('dim_products') }}

),

sold as (

    select
        account_id,
        source,
        store_id,
        {# a key has no NULL: 0 is no shop #}
        coalesce(shop_id, 0) as shop_id,
        coalesce(location_name, '') as location_name,
        currency,
        business_date,
        product_key,
        max(product_kind) as product_kind,
        max(product_item_id) as item_id,
        count(distinct case when is_sold_line then order_id end) as transactions,
        sum(case when is_sold_line then 1 else 0 end) as sold_lines,
        sum(case when is_sold_line and discount_amount > 0 then 1 else 0 end) as discounted_lines,
        sum(case when is_back then 0 else quantity end) as units_sold,
        sum(case when is_back then -quantity else 0 end) as units_returned,
        sum(gross_amount) as gross_sales,
        sum(case when discount_amount <> 0 then gross_amount else 0 end) as discounted_gross_sales,
        sum(discount_amount) as discounts,
        sum(return_amount) as returns,
        sum(net_amount) as net_sales,
        sum(shipping_amount) as shipping_sales,
        sum(tax_amount) as tax,
        sum(total_amount) as total_sales,
        sum(cost_amount) as cost_of_goods,
        sum(case when not has_cost then 0 when is_back then -quantity else quantity end) as units_with_cost,
        sum(case when has_cost then net_amount else 0 end) as net_sales_with_cost
    from events
    group by
        account_id,
        source,
        store_id,
        coalesce(shop_id, 0),
        coalesce(location_name, ''),
        currency,
        business_date,
        product_key

),

held_days as (

    {{ days_of_held_orders_alone('sold', 'store') }}

),

sums as (

    select *
    from sold

    union all

    select
        account_id,
        source,
        store_id,
        shop_id,
        location_name,
        currency,
        business_date,
        'held_orders' as product_key,
        'held_orders' as product_kind,
        cast(null as bigint) as item_id,
        0 as transactions,
        0 as sold_lines,
        0 as discounted_lines,
        0 as units_sold,
        0 as units_returned,
        0 as gross_sales,
        0 as discounted_gross_sales,
        0 as discounts,
        0 as returns,
        0 as net_sales,
        0 as shipping_sales,
        0 as tax,
        0 as total_sales,
        0 as cost_of_goods,
        0 as units_with_cost,
        0 as net_sales_with_cost
    from held_days

),

incomplete_days as (

    {{ incomplete_days('store') }}

)

select
    sums.account_id,
    sums.source,
    sums.store_id,
    sums.shop_id,
    sums.location_name,
    sums.currency,
    sums.business_date,
    incomplete_days.account_id is null as is_complete,
    sums.product_key,
    sums.product_kind,
    sums.item_id,
    coalesce(products.product_name, sums.product_key) as product_name,
    products.category_path,
    products.top_category,
    products.brand_name,
    products.vendor_name,
    cast(sums.transactions as bigint) as transactions,
    cast(sums.sold_lines as bigint) as sold_lines,
    cast(sums.discounted_lines as bigint) as discounted_lines,
    cast(sums.units_sold as decimal(18, 4)) as units_sold,
    cast(sums.units_returned as decimal(18, 4)) as units_returned,
    cast(sums.gross_sales as decimal(28, 10)) as gross_sales,
    cast(sums.discounted_gross_sales as decimal(28, 10)) as discounted_gross_sales,
    cast(sums.discounts as decimal(28, 10)) as discounts,
    cast(sums.returns as decimal(28, 10)) as returns,
    cast(sums.net_sales as decimal(28, 10)) as net_sales,
    cast(sums.shipping_sales as decimal(28, 10)) as shipping_sales,
    cast(sums.tax as decimal(28, 10)) as tax,
    cast(sums.total_sales as decimal(28, 10)) as total_sales,
    cast(sums.cost_of_goods as decimal(28, 10)) as cost_of_goods,
    cast(sums.net_sales - sums.cost_of_goods as decimal(28, 10)) as gross_margin,
    cast(sums.units_with_cost as decimal(18, 4)) as units_with_cost,
    cast(sums.net_sales_with_cost as decimal(28, 10)) as net_sales_with_cost
from sums
left join incomplete_days on {{ is_same_day('sums', 'incomplete_days', 'store') }}
left join products
    on
        sums.account_id = products.account_id
        and sums.item_id = products.item_id
