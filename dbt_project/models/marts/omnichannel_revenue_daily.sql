{#
    Every event of revenue, once for each of three dates and with each of three places: whichever place is grouped by,
    the sum is the same. What comes back is dated by its own day in every view, and never before what it takes back.
#}
with orders as (

    select *
    from {{ ref('fct_orders') }}

),

events as (

    select
        events.*,
        orders.order_number,
        coalesce(originals.location_name, orders.location_name) as order_location,
        {# two places may bear one name; a key has no NULL: 0 is no shop #}
        coalesce(case when originals.order_id is null then orders.shop_id else originals.shop_id end, 0)
            as order_shop_id,
        coalesce(
            case when originals.order_id is null then orders.fulfilment_shop_id else originals.fulfilment_shop_id end,
            0
        ) as fulfilment_shop_id,
        coalesce(originals.fulfilment_location, orders.fulfilment_location) as fulfilment_location,
        coalesce(originals.fulfilment_method, orders.fulfilment_method) as fulfilment_method,
        coalesce(originals.paid_date, orders.paid_date) as paid_date,
        coalesce(originals.recognised_date, orders.recognised_date) as recognised_date,
        case when events.event_type in ('return', 'cancel') then orders.location_name else 'none' end
            as return_location,
        case when events.event_type in ('return', 'cancel') then coalesce(orders.shop_id, 0) else 0 end
            as return_shop_id
    from {{ ref('fct_sales_events') }} as events
    inner join orders
        on
            events.source = orders.source
            and events.store_id = orders.store_id
            and events.order_id = orders.order_id
    left join orders as originals
        on
            events.return_of_source = originals.source
            and events.return_of_store_id = originals.store_id
            and events.return_of_order_id = originals.order_id
    where events.include_in_revenue

),

dated as (

    select
        events.*,
        'booked' as date_basis,
        events.business_date as basis_date
    from events

    union all

    select
        events.*,
        'paid' as date_basis,
        greatest(events.business_date, events.paid_date) as basis_date
    from events
    where events.paid_date is not null

    union all

    select
        events.*,
        'recognised' as date_basis,
        greatest(events.business_date, events.recognised_date) as basis_date
    from events
    where events.recognised_date is not null

),

placed as (

    select
        dated.*,
        {# who handed the goods over in person is credited; what was sent is the order's place's #}
        case
            when fulfilment_method in ('pickup', 'local_delivery') then fulfilment_location
            else order_location
        end as credit_location,
        case
            when fulfilment_method in ('pickup', 'local_delivery') then fulfilment_shop_id
            else order_shop_id
        end as credit_shop_id
    from dated

),

sums as (

    select
        account_id,
        currency,
        date_basis,
        basis_date as business_date,
        channel,
        sub_channel,
        order_location,
        order_shop_id,
        fulfilment_location,
        fulfilment_shop_id,
        credit_location,
        credit_shop_id,
        fulfilment_method,
        return_location,
        return_shop_id,
        cast(count(distinct concat(source, ':', cast(store_id as varchar), ':', order_id)) as bigint) as orders_touched,
        cast(sum(case when event_type in ('return', 'cancel') then 0 else quantity end) as decimal(18, 4))
            as units_sold,
        cast(sum(case when event_type in ('return', 'cancel') then -quantity else 0 end) as decimal(18, 4))
            as units_returned,
        cast(sum(gross_amount) as decimal(18, 4)) as gross_sales,
        cast(sum(discount_amount) as decimal(18, 4)) as discounts,
        cast(sum(return_amount) as decimal(18, 4)) as returns,
        cast(sum(net_amount) as decimal(18, 4)) as net_sales,
        cast(sum(shipping_amount) as decimal(18, 4)) as shipping_sales,
        cast(sum(tax_amount) as decimal(18, 4)) as tax,
        cast(sum(total_amount) as decimal(18, 4)) as total_sales,
        cast(sum(cost_amount) as decimal(18, 4)) as cost_of_goods,
        cast(sum(net_amount - cost_amount) as decimal(18, 4)) as gross_margin
    from placed
    group by
        account_id,
        currency,
        date_basis,
        basis_date,
        channel,
        sub_channel,
        order_location,
        order_shop_id,
        fulfilment_location,
        fulfilment_shop_id,
        credit_location,
        credit_shop_id,
        fulfilment_method,
        return_location,
        return_shop_id

),

date_bases as (

    {% for basis in ['booked', 'paid', 'recognised'] %}
        select '{{ basis }}' as date_basis
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

{# by each basis a row of zeros where an order that is held is the only one: its channel and places are not known #}
held_days as (

    select distinct
        days.account_id,
        days.currency,
        date_bases.date_basis,
        days.business_date
    from {{ ref('int_incomplete_days') }} as days
    cross join date_bases
    left join sums
        on
            days.account_id = sums.account_id
            and date_bases.date_basis = sums.date_basis
            and days.business_date = sums.business_date
    where sums.account_id is null

),

sums_with_held as (

    select *
    from sums

    union all

    select
        account_id,
        currency,
        date_basis,
        business_date,
        'unknown' as channel,
        'unknown' as sub_channel,
        {% for place in ['order', 'fulfilment', 'credit'] %}
            'unknown' as {{ place }}_location,
            cast(0 as bigint) as {{ place }}_shop_id,
        {% endfor %}
        'none' as fulfilment_method,
        'none' as return_location,
        cast(0 as bigint) as return_shop_id,
        cast(0 as bigint) as orders_touched,
        {% for measure in revenue_measures() %}
            cast(0 as decimal(18, 4)) as {{ measure }}
            {% if not loop.last %},{% endif %}
        {% endfor %}
    from held_days

),

incomplete_days as (

    {{ incomplete_days('account') }}

)

select
    sums_with_held.*,
    incomplete_days.account_id is null as is_complete
from sums_with_held
left join incomplete_days on {{ is_same_day('sums_with_held', 'incomplete_days', 'account') }}
