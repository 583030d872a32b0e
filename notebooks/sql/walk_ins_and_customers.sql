-- Which part of our sales is to people we know, each order counted once, and is their ticket larger?
with counted as (

    select
        source,
        store_id,
        order_id,
        sum(net_amount) as net_amount
    from fct_sales_events
    where include_in_revenue
    group by
        source,
        store_id,
        order_id

),

buyers as (

    select
        orders.currency,
        case when orders.is_identified then 'known' else 'walk-in or guest' end as buyer,
        sum(case when orders.include_in_revenue then orders.transactions else 0 end) as transactions,
        coalesce(sum(counted.net_amount), 0) as net_amount
    from fct_orders as orders
    left join counted
        on
            orders.source = counted.source
            and orders.store_id = counted.store_id
            and orders.order_id = counted.order_id
    group by
        orders.currency,
        case when orders.is_identified then 'known' else 'walk-in or guest' end

)

select
    currency,
    buyer,
    transactions,
    round(net_amount, 2) as net_sales,
    round(net_amount / nullif(transactions, 0), 2) as average_ticket
from buyers
order by
    currency asc nulls last,
    net_sales desc nulls last
