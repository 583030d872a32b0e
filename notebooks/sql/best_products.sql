-- Which products earn most, and in which category do they stand?
select
    products.category_path,
    products.product_name,
    events.currency,
    sum(events.quantity) as units,
    round(sum(events.net_amount), 2) as net_sales,
    round(sum(events.net_amount - events.cost_amount), 2) as gross_margin
from fct_sales_events as events
inner join dim_products as products
    on
        events.account_id = products.account_id
        and events.item_id = products.item_id
group by
    products.category_path,
    products.product_name,
    events.currency
order by gross_margin desc nulls last
limit 25
