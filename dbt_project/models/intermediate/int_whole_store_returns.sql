{# tickets that are nothing but online goods brought back: what rounds them belongs where the goods do #}
with store_returns as (

    select *
    from {{ ref('int_store_returns') }}

),

ticket_events as (

    select
        account_id,
        order_id,
        count(*) as events
    from {{ ref('int_all_events') }}
    where
        source = 'lightspeed'
        and line_type <> 'rounding'
    group by
        account_id,
        order_id

)

select
    store_returns.account_id,
    store_returns.order_id,
    min(store_returns.original_source) as original_source,
    min(store_returns.original_store_id) as original_store_id,
    min(store_returns.original_order_id) as original_order_id,
    max(case when store_returns.is_mirror then 1 else 0 end) = 1 as is_mirror
from store_returns
inner join ticket_events
    on
        store_returns.account_id = ticket_events.account_id
        and store_returns.order_id = ticket_events.order_id
group by
    store_returns.account_id,
    store_returns.order_id
having
    count(*) = min(ticket_events.events)
    and count(distinct store_returns.original_order_id) = 1
    and count(distinct store_returns.is_mirror) = 1
