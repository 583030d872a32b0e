{# the bridge of each month: what counts and the mirrors left out are every ticket and every online ledger entry #}
with sources as (

    select
        orders.account_id,
        orders.currency,
        date_trunc('month', events.business_date) as month_start,
        sum(events.total_amount) as total_amount
    from {{ ref('int_all_events') }} as events
    inner join {{ ref('int_all_orders') }} as orders
        on
            events.source = orders.source
            and events.store_id = orders.store_id
            and events.order_id = orders.order_id
    where
        not orders.is_test
        and not orders.is_deleted
    group by
        orders.account_id,
        orders.currency,
        date_trunc('month', events.business_date)

),

mirrors as (

    select
        account_id,
        currency,
        date_trunc('month', business_date) as month_start,
        sum(total_amount) as total_amount
    from {{ ref('fct_sales_events') }}
    where not include_in_revenue
    group by
        account_id,
        currency,
        date_trunc('month', business_date)

),

channels as (

    select
        account_id,
        currency,
        date_trunc('month', business_date) as month_start,
        sum(total_sales) as total_amount
    from {{ ref('revenue_by_channel_daily') }}
    group by
        account_id,
        currency,
        date_trunc('month', business_date)

)

select
    sources.account_id,
    sources.month_start,
    sources.total_amount as source_amount,
    channels.total_amount as channel_amount,
    mirrors.total_amount as mirror_amount
from sources
left join channels
    on
        sources.account_id = channels.account_id
        and sources.currency = channels.currency
        and sources.month_start = channels.month_start
left join mirrors
    on
        sources.account_id = mirrors.account_id
        and sources.currency = mirrors.currency
        and sources.month_start = mirrors.month_start
where abs(sources.total_amount - coalesce(channels.total_amount, 0) - coalesce(mirrors.total_amount, 0)) > 0.01
