{#
    Each day of an account's tills comes to the same by location as by ticket, mirrors included. A day whose only sale is
    held has no ticket.
#}
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
    coalesce(by_order.gross_sales, 0) is distinct from by_location.gross_sales
    or coalesce(by_order.returns, 0) is distinct from by_location.returns
    or coalesce(by_order.net_sales, 0) is distinct from by_location.net_sales
    or coalesce(by_order.total_sales, 0) is distinct from by_location.total_sales
    or coalesce(by_order.discounts, 0) is distinct from by_location.discounts
    or coalesce(by_order.tax, 0) is distinct from by_location.tax
    or coalesce(by_order.cost_of_goods, 0) is distinct from by_location.cost_of_goods
