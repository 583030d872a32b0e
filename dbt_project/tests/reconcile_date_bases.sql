{# every order that is paid and handed over is worth the same whichever date it is counted by #}
with sums as (

    select
        account_id,
        currency,
        sum(case when date_basis = 'booked' then total_sales else 0 end) as booked,
        sum(case when date_basis = 'paid' then total_sales else 0 end) as paid,
        sum(case when date_basis = 'recognised' then total_sales else 0 end) as recognised
    from {{ ref('omnichannel_revenue_daily') }}
    group by
        account_id,
        currency

),

{# what is not paid, or not handed over, by the orders' own dates #}
waiting as (

    select
        events.account_id,
        events.currency,
        sum(events.total_amount) as booked,
        sum(case when orders.paid_date is null then events.total_amount else 0 end) as unpaid,
        sum(case when orders.recognised_date is null then events.total_amount else 0 end) as unrecognised
    from {{ ref('fct_sales_events') }} as events
    inner join {{ ref('fct_orders') }} as orders
        on
            coalesce(events.return_of_source, events.source) = orders.source
            and coalesce(events.return_of_store_id, events.store_id) = orders.store_id
            and coalesce(events.return_of_order_id, events.order_id) = orders.order_id
    where events.include_in_revenue
    group by
        events.account_id,
        events.currency

)

select
    waiting.account_id,
    waiting.currency,
    waiting.booked as ledger_amount,
    sums.booked,
    sums.paid,
    sums.recognised
from waiting
left join sums
    on
        waiting.account_id = sums.account_id
        and waiting.currency = sums.currency
where
    abs(waiting.booked - coalesce(sums.booked, 0)) > 0.01
    or abs(waiting.booked - waiting.unpaid - coalesce(sums.paid, 0)) > 0.01
    or abs(waiting.booked - waiting.unrecognised - coalesce(sums.recognised, 0)) > 0.01
