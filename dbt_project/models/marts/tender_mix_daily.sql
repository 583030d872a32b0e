{#
    A payment is net of change as the till keeps it. Money onto a card or an account comes as a negative payment of
    that type beside the tender that paid for it. What is paid on one day and sold on another moves by its dates, never
    by what has become of the order since, so that a day that is over stays as it was. Of each shop, day and currency
    of the tills:

        net_amount - tip_amount - deposit_amount - settled_amount + deposit_used_amount + unpaid_amount = total sales

    and what cash was rounded by is all that they may differ by.
#}
{% set amounts = [
    'taken_amount', 'refunded_amount', 'stored_amount', 'net_amount', 'deposit_amount', 'settled_amount',
    'deposit_used_amount', 'unpaid_amount', 'mirror_amount', 'tip_amount', 'cash_rounding_amount',
] %}
{% set zero = 'cast(0 as decimal(18, 4))' %}
with payments as (

    select
        *,
        coalesce(amount, 0) - tip_amount as amount_without_tip
    from {{ ref('fct_payments') }}

),

orders as (

    select *
    from {{ ref('fct_orders') }}
    where source = 'lightspeed'

),

stores as (

    select *
    from {{ ref('int_stores') }}

),

locations as (

    select
        'lightspeed' as source,
        account_id,
        shop_id,
        location_name
    from {{ ref('dim_locations') }}

),

by_type as (

    select
        account_id,
        source,
        store_id,
        coalesce(shop_id, 0) as shop_id,
        coalesce(payment_type_id, 0) as payment_type_id,
        payment_type_name,
        max(payment_kind) as payment_kind,
        coalesce(currency, 'XXX') as currency,
        business_date,
        count(*) as payments,
        sum(case when amount > 0 then amount else 0 end) as taken_amount,
        sum(case when amount < 0 and movement not in ('gift_card_load', 'account_deposit') then -amount else 0 end)
            as refunded_amount,
        sum(case when amount < 0 and movement in ('gift_card_load', 'account_deposit') then -amount else 0 end)
            as stored_amount,
        sum(amount) as net_amount,
        sum(
            case
                when source = 'lightspeed' and (order_date is null or business_date < order_date)
                    then amount_without_tip
                else 0
            end
        ) as deposit_amount,
        sum(case when source = 'lightspeed' and business_date > order_date then amount_without_tip else 0 end)
            as settled_amount,
        cast(0 as decimal(18, 4)) as deposit_used_amount,
        cast(0 as decimal(18, 4)) as unpaid_amount,
        sum(case when is_mirror then amount else 0 end) as mirror_amount,
        sum(tip_amount) as tip_amount,
        cast(0 as decimal(18, 4)) as cash_rounding_amount
    from payments
    group by
        account_id,
        source,
        store_id,
        coalesce(shop_id, 0),
        coalesce(payment_type_id, 0),
        payment_type_name,
        coalesce(currency, 'XXX'),
        business_date

),

{# nobody pays it: it is what totals in cash were rounded by, as the sales state it #}
cash_rounding as (

    select
        counted_sales.account_id,
        'lightspeed' as source,
        counted_sales.account_id as store_id,
        counted_sales.shop_id,
        cast(0 as bigint) as payment_type_id,
        'cash rounding' as payment_type_name,
        'cash rounding' as payment_kind,
        coalesce(counted_sales.currency, 'XXX') as currency,
        counted_sales.business_date,
        cast(0 as bigint) as payments,
        {% for amount in amounts %}
            {{ 'sum(sales.cash_rounding_delta)' if amount == 'cash_rounding_amount' else zero }} as {{ amount }}
            {% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('int_lightspeed__counted_sales') }} as counted_sales
    inner join {{ ref('stg_lightspeed__sales') }} as sales
        on
            counted_sales.account_id = sales.account_id
            and counted_sales.sale_id = sales.sale_id
    where sales.cash_rounding_delta <> 0
    group by
        counted_sales.account_id,
        counted_sales.shop_id,
        coalesce(counted_sales.currency, 'XXX'),
        counted_sales.business_date

),

paid_of_orders as (

    select
        store_id,
        order_id,
        sum(case when business_date < order_date then amount_without_tip else 0 end) as paid_ahead,
        sum(case when business_date <= order_date then amount_without_tip else 0 end) as paid_by_then
    from payments
    where source = 'lightspeed'
    group by
        store_id,
        order_id

),

{# when a sale's day was over; off by what its cash was rounded by, in either direction, it is paid #}
paid_on_other_days as (

    select
        orders.account_id,
        orders.store_id,
        coalesce(orders.shop_id, 0) as shop_id,
        coalesce(orders.currency, 'XXX') as currency,
        orders.business_date,
        coalesce(paid_of_orders.paid_ahead, 0) as deposit_used_amount,
        case
            when
                abs(orders.total_amount - coalesce(paid_of_orders.paid_by_then, 0))
                = abs(coalesce(sales.cash_rounding_delta, 0))
                then 0
            else orders.total_amount - coalesce(paid_of_orders.paid_by_then, 0)
        end as unpaid_amount
    from orders
    left join {{ ref('stg_lightspeed__sales') }} as sales
        on
            orders.store_id = sales.account_id
            and orders.order_id = cast(sales.sale_id as varchar)
    left join paid_of_orders
        on
            orders.store_id = paid_of_orders.store_id
            and orders.order_id = paid_of_orders.order_id

),

{# nobody pays it on this day #}
other_days as (

    select
        account_id,
        'lightspeed' as source,
        store_id,
        shop_id,
        cast(0 as bigint) as payment_type_id,
        'other days' as payment_type_name,
        'other days' as payment_kind,
        currency,
        business_date,
        cast(0 as bigint) as payments,
        {% for amount in amounts %}
            {{ 'sum(' ~ amount ~ ')' if amount in ['deposit_used_amount', 'unpaid_amount'] else zero }} as {{ amount }}
            {% if not loop.last %},{% endif %}
        {% endfor %}
    from paid_on_other_days
    where
        deposit_used_amount <> 0
        or unpaid_amount <> 0
    group by
        account_id,
        store_id,
        shop_id,
        currency,
        business_date

),

held_days as (

    {{ days_of_held_orders_alone('by_type', 'store') }}

),

rows_of_days as (

    select *
    from by_type

    union all

    select *
    from cash_rounding

    union all

    select *
    from other_days

    union all

    select
        account_id,
        source,
        store_id,
        shop_id,
        cast(0 as bigint) as payment_type_id,
        'held orders' as payment_type_name,
        'held orders' as payment_kind,
        currency,
        business_date,
        cast(0 as bigint) as payments,
        {% for amount in amounts %}
            {{ zero }} as {{ amount }}
            {% if not loop.last %},{% endif %}
        {% endfor %}
    from held_days

),

incomplete_days as (

    {{ incomplete_days('store') }}

),

with_day as (

    select
        rows_of_days.*,
        sum(net_amount) over (
            partition by account_id, source, store_id, shop_id, currency, business_date
        ) as day_net_amount,
        sum(mirror_amount) over (
            partition by account_id, source, store_id, shop_id, currency, business_date
        ) as day_mirror_amount
    from rows_of_days

)

select
    with_day.account_id,
    with_day.source,
    with_day.store_id,
    with_day.shop_id,
    coalesce(locations.location_name, stores.store_name, concat('store ', cast(with_day.store_id as varchar)))
        as location_name,
    with_day.currency,
    with_day.business_date,
    with_day.payment_type_id,
    with_day.payment_type_name,
    with_day.payment_kind,
    incomplete_days.account_id is null as is_complete,
    cast(with_day.payments as bigint) as payments,
    cast(with_day.taken_amount as decimal(18, 4)) as taken_amount,
    cast(with_day.refunded_amount as decimal(18, 4)) as refunded_amount,
    cast(with_day.stored_amount as decimal(18, 4)) as stored_amount,
    cast(with_day.net_amount as decimal(18, 4)) as net_amount,
    cast(with_day.deposit_amount as decimal(18, 4)) as deposit_amount,
    cast(with_day.settled_amount as decimal(18, 4)) as settled_amount,
    cast(with_day.deposit_used_amount as decimal(18, 4)) as deposit_used_amount,
    cast(with_day.unpaid_amount as decimal(18, 4)) as unpaid_amount,
    cast(with_day.mirror_amount as decimal(18, 4)) as mirror_amount,
    cast(with_day.tip_amount as decimal(18, 4)) as tip_amount,
    cast(with_day.cash_rounding_amount as decimal(18, 4)) as cash_rounding_amount,
    cast(with_day.day_net_amount as decimal(18, 4)) as day_net_amount,
    cast(with_day.day_mirror_amount as decimal(18, 4)) as day_mirror_amount
from with_day
left join incomplete_days on {{ is_same_day('with_day', 'incomplete_days', 'store') }}
left join locations
    on
        with_day.source = locations.source
        and with_day.account_id = locations.account_id
        and with_day.shop_id = locations.shop_id
left join stores
    on
        with_day.source = stores.source
        and with_day.store_id = stores.store_id
