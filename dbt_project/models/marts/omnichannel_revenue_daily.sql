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
        coalesce(originals.fulfilment_location, orders.fulfilment_location) as fulfilment_location,
        coalesce(originals.fulfilment_method, orders.fulfilment_method) as fulfilment_method,
        coalesce(originals.paid_date, orders.paid_date) as paid_date,
        coalesce(originals.recognised_date, orders.recognised_date) as recognised_date,
        case when events.event_type in ('return', 'cancel') then orders.location_name else 'none' end
            as return_location
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
        end as credit_location
    from dated

)

select
    account_id,
    currency,
    date_basis,
    basis_date as business_date,
    channel,
    sub_channel,
    order_location,
    fulfilment_location,
    credit_location,
    fulfilment_method,
    return_location,
    cast(count(distinct concat(source, ':', cast(store_id as varchar), ':', order_id)) as bigint) as orders_touched,
    cast(sum(case when event_type in ('return', 'cancel') then 0 else quantity end) as decimal(18, 4)) as units_sold,
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
    fulfilment_location,
    credit_location,
    fulfilment_method,
    return_location
