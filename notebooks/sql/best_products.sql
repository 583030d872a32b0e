-- Which products earn most, in which category do they stand, and of how much of their sales is the cost known?
with products as (

    select
        account_id,
        product_key,
        product_name,
        category_path,
        currency,
        sum(units_sold - units_returned) as units,
        sum(net_sales) as net_amount,
        sum(gross_margin) as margin_amount,
        sum(net_sales_with_cost) as net_amount_with_cost
    from revenue_by_product_daily
    where product_kind in ('item', 'sku')
    group by
        account_id,
        product_key,
        product_name,
        category_path,
        currency

),

ranked as (

    select
        *,
        row_number() over (
            partition by currency
            order by margin_amount desc nulls last, account_id asc nulls last, product_key asc nulls last
        ) as place
    from products

)

select
    category_path,
    product_name,
    currency,
    units,
    round(net_amount, 2) as net_sales,
    round(margin_amount, 2) as gross_margin,
    round(100 * net_amount_with_cost / nullif(net_amount, 0), 1) as cost_known_percent
from ranked
where place <= 25
order by
    currency asc nulls last,
    place asc nulls last
