with headers as (

    select *
    from {{ ref('stg_ecwid__order_headers') }}

),

shops as (

    select *
    from {{ ref('stg_ecwid__shops') }}

),

looked_days as (

    select
        store_id,
        looked_from,
        looked_to,
        loaded_at,
        {{ each_day('cast(looked_from as date)', 'cast(looked_to as date)') }} as looked_date
    from {{ ref('stg_ecwid__order_looks') }}

),

{# when all orders of its time were read again, this one was not met: it was deleted #}
missed as (

    select distinct
        headers.store_id,
        headers.order_id
    from headers
    inner join looked_days
        on
            headers.store_id = looked_days.store_id
            and cast(headers.created_at as date) = looked_days.looked_date
            and headers.created_at >= looked_days.looked_from
            and headers.created_at < looked_days.looked_to
            and headers.loaded_at < looked_days.loaded_at

),

refunds as (

    select
        store_id,
        order_id,
        sum(amount) as amount
    from {{ ref('stg_ecwid__refunds') }}
    group by
        store_id,
        order_id

)

select
    'ecwid' as source,
    headers.store_id,
    cast(headers.order_id as varchar) as order_id,
    headers.order_number,
    case when headers.is_cancelled then 'cancelled' else 'completed' end as order_status,
    false as is_test,
    missed.order_id is not null as is_deleted,
    headers.native_channel,
    cast(null as varchar) as channel,
    cast(null as varchar) as sub_channel,
    cast(null as bigint) as shop_id,
    cast(null as bigint) as location_id,
    shops.name as location_name,
    shops.currency,
    cast(null as bigint) as register_id,
    cast(null as bigint) as employee_id,
    headers.customer_id,
    cast(null as varchar) as reference_number,
    {{ fulfilment_method("case when headers.is_pickup then 'pickup' else headers.native_method end") }}
        as fulfilment_method,
    coalesce(headers.fulfilment_status in ('SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'RETURNED'), false)
        as is_handed_over,
    {# an order that was cancelled before it was paid is worth nothing #}
    cast(
        case when headers.is_cancelled then 0 else headers.total_amount - coalesce(refunds.amount, 0) end
        as decimal(18, 4)
    ) as header_total,
    cast(0 as decimal(18, 4)) as tip_amount,
    headers.created_at as completed_at,
    {# the store keeps no date of payment #}
    case when headers.is_paid then headers.created_at end as paid_at,
    case when headers.is_cancelled then headers.updated_at end as cancelled_at
from headers
left join shops on headers.store_id = shops.store_id
left join missed
    on
        headers.store_id = missed.store_id
        and headers.order_id = missed.order_id
left join refunds
    on
        headers.store_id = refunds.store_id
        and headers.order_id = refunds.order_id
