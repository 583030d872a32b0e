{# each day of an account's tills comes to the same by location as by ticket, mirrors included #}
with by_location as (

    select
        account_id,
        business_date,
        sum(gross_sales) as gross_sales,
        sum(returns) as returns,
        sum(cost_of_goods) as cost_of_goods,
        sum(tax) as tax,
        sum(discounts) as discounts,
        sum(net_sales) as net_sales,
        sum(total_sales) as total_sales
    from {{ ref('revenue_by_location_daily') }}
    group by
        account_id,
        business_date

),

by_order as (

    select
        account_id,
        business_date,
        sum(gross_amount) as gross_sales,
        sum(return_amount) as returns,
        sum(cost_amount) as cost_of_goods,
        sum(tax_amount) as tax,
        sum(discount_amount) as discounts,
        sum(net_amount) as net_sales,
        sum(total_amount) as total_sales
    from {{ ref('int_lightspeed__tickets') }}
    group by
        account_id,
        business_date

)

select
    by_order.account_id,
    by_order.business_date,
    by_order.net_sales as order_amount,
    by_location.net_sales as location_amount
from by_order
full outer join by_location
    on
        by_order.account_id = by_location.account_id
        and by_order.business_date = by_location.business_date
where
    by_order.gross_sales is distinct from by_location.gross_sales
    or by_order.returns is distinct from by_location.returns
    or by_order.net_sales is distinct from by_location.net_sales
    or by_order.total_sales is distinct from by_location.total_sales
    or by_order.discounts is distinct from by_location.discounts
    or by_order.tax is distinct from by_location.tax
    or by_order.cost_of_goods is distinct from by_location.cost_of_goods
