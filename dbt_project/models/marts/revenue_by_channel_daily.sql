{# an order counts on the day it was placed; what is refunded or edited later, on its own day #}
with counted_orders as (

    select
        account_id,
        channel,
        sub_channel,
        currency,
        business_date,
        count(*) as orders,
        sum(transactions) as transactions
    from {{ ref('fct_orders') }}
    where include_in_revenue
    group by
        account_id,
        channel,
        sub_channel,
        currency,
        business_date

),

events as (

    select
        account_id,
        channel,
        sub_channel,
        currency,
        business_date,
        sum(case when event_type in ('return', 'cancel') then 0 else quantity end) as units_sold,
        sum(case when event_type in ('return', 'cancel') then -quantity else 0 end) as units_returned,
        sum(gross_amount) as gross_sales,
        sum(discount_amount) as discounts,
        sum(return_amount) as returns,
        sum(net_amount) as net_sales,
        sum(shipping_amount) as shipping_sales,
        sum(tax_amount) as tax,
        sum(total_amount) as total_sales,
        sum(cost_amount) as cost_of_goods
    from {{ ref('fct_sales_events') }}
    where include_in_revenue
    group by
        account_id,
        channel,
        sub_channel,
        currency,
        business_date

),

by_day as (

    select
        coalesce(counted_orders.account_id, events.account_id) as account_id,
        coalesce(counted_orders.channel, events.channel) as channel,
        coalesce(counted_orders.sub_channel, events.sub_channel) as sub_channel,
        coalesce(counted_orders.currency, events.currency) as currency,
        coalesce(counted_orders.business_date, events.business_date) as business_date,
        cast(coalesce(counted_orders.orders, 0) as bigint) as orders,
        cast(coalesce(counted_orders.transactions, 0) as bigint) as transactions,
        cast(coalesce(events.units_sold, 0) as decimal(18, 4)) as units_sold,
        cast(coalesce(events.units_returned, 0) as decimal(18, 4)) as units_returned,
        cast(coalesce(events.gross_sales, 0) as decimal(18, 4)) as gross_sales,
        cast(coalesce(events.discounts, 0) as decimal(18, 4)) as discounts,
        cast(coalesce(events.returns, 0) as decimal(18, 4)) as returns,
        cast(coalesce(events.net_sales, 0) as decimal(18, 4)) as net_sales,
        cast(coalesce(events.shipping_sales, 0) as decimal(18, 4)) as shipping_sales,
        cast(coalesce(events.tax, 0) as decimal(18, 4)) as tax,
        cast(coalesce(events.total_sales, 0) as decimal(18, 4)) as total_sales,
        cast(coalesce(events.cost_of_goods, 0) as decimal(18, 4)) as cost_of_goods,
        cast(coalesce(events.net_sales, 0) - coalesce(events.cost_of_goods, 0) as decimal(18, 4)) as gross_margin
    from counted_orders
    full outer join events
        on
            counted_orders.account_id = events.account_id
            and counted_orders.channel = events.channel
            and counted_orders.sub_channel = events.sub_channel
            and counted_orders.currency = events.currency
            and counted_orders.business_date = events.business_date

),

held_days as (

    {{ days_of_held_orders_alone('by_day', 'account') }}

),

days_with_held as (

    select *
    from by_day

    union all

    select distinct
        account_id,
        'unknown' as channel,
        'unknown' as sub_channel,
        currency,
        business_date,
        cast(0 as bigint) as orders,
        cast(0 as bigint) as transactions,
        {% for measure in revenue_measures() %}
            cast(0 as decimal(18, 4)) as {{ measure }}
            {% if not loop.last %},{% endif %}
        {% endfor %}
    from held_days

),

incomplete_days as (

    {{ incomplete_days('account') }}

),

rates as (

    select *
    from {{ ref('int_exchange_rates') }}

)

select
    days_with_held.*,
    incomplete_days.account_id is null as is_complete,
    {{ in_reporting_currency('days_with_held', 'rates', ['tax', 'shipping_sales']) }}
from days_with_held
left join incomplete_days on {{ is_same_day('days_with_held', 'incomplete_days', 'account') }}
left join rates
    on
        days_with_held.currency = rates.currency
        and days_with_held.business_date = rates.business_date
