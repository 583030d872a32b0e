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

days as (

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

rates as (

    select *
    from {{ ref('int_exchange_rates') }}

)

select
    days.*,
    {{ in_reporting_currency('days', 'rates', ['tax', 'shipping_sales']) }}
from days
left join rates
    on
        days.currency = rates.currency
        and days.business_date = rates.business_date
