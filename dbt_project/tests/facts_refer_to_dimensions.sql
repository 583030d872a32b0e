{# every order has its location, channel and date, and every event and completed payment its order #}
select
    'fct_orders' as fact,
    orders.account_id,
    orders.shop_id,
    orders.business_date,
    orders.order_id,
    case when channels.channel is null then orders.channel end as missing_channel
from {{ ref('fct_orders') }} as orders
left join {{ ref('dim_locations') }} as locations
    on
        orders.account_id = locations.account_id
        and orders.shop_id = locations.shop_id
left join {{ ref('dim_channels') }} as channels on orders.channel = channels.channel
left join {{ ref('dim_dates') }} as dates on orders.business_date = dates.date_day
where
    (orders.source = 'lightspeed' and locations.shop_id is null)
    or channels.channel is null
    or dates.date_day is null

union all

select
    'fct_payments' as fact,
    payments.account_id,
    payments.shop_id,
    payments.business_date,
    payments.order_id,
    cast(null as varchar) as missing_channel
from {{ ref('fct_payments') }} as payments
left join {{ ref('fct_orders') }} as orders
    on
        payments.source = orders.source
        and payments.store_id = orders.store_id
        and payments.order_id = orders.order_id
where
    payments.is_order_completed
    and orders.order_id is null
