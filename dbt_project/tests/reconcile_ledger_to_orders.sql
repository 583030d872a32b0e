{# the events of an order sum to it, in every measure and to the last decimal #}
with events as (

    select
        source,
        account_id,
        order_id,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(return_amount) as return_amount,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(total_amount) as total_amount,
        sum(cost_amount) as cost_amount
    from {{ ref('fct_sales_events') }}
    group by
        source,
        account_id,
        order_id

)

select
    orders.source,
    orders.account_id,
    orders.order_id,
    orders.net_amount as order_amount,
    events.net_amount as ledger_amount
from {{ ref('fct_orders') }} as orders
left join events
    on
        orders.source = events.source
        and orders.account_id = events.account_id
        and orders.order_id = events.order_id
where
    orders.gross_amount is distinct from coalesce(events.gross_amount, 0)
    or orders.discount_amount is distinct from coalesce(events.discount_amount, 0)
    or orders.return_amount is distinct from coalesce(events.return_amount, 0)
    or orders.net_amount is distinct from coalesce(events.net_amount, 0)
    or orders.tax_amount is distinct from coalesce(events.tax_amount, 0)
    or orders.total_amount is distinct from coalesce(events.total_amount, 0)
    or orders.cost_amount is distinct from coalesce(events.cost_amount, 0)
