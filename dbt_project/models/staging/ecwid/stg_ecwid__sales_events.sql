{#
    E-Series keeps no ledger: an order is what it is now, and its refunds are amounts. Items are dated on the order's
    day, each refund on its own, not spread over the items: which came back, and with how much tax, nobody tells.
    What the items and charges do not explain of the order's total is a line of its own, so that events sum to it.
#}
with headers as (

    select *
    from {{ ref('stg_ecwid__order_headers') }}
    where not is_cancelled

),

items as (

    select *
    from {{ ref('stg_ecwid__order_items') }}

),

sold as (

    select
        items.store_id,
        items.order_id,
        cast(items.order_item_id as varchar) as event_id,
        case when items.is_gift_card then 'gift_card' else 'product' end as line_type,
        items.sku,
        case when items.is_gift_card then 0 else items.quantity end as quantity,
        case when items.is_gift_card then 0 else items.gross_amount end as gross,
        case when items.is_gift_card then 0 else items.net_amount end as net,
        0 as shipping,
        case when items.is_gift_card then 0 else items.tax_amount end as tax,
        case when items.is_gift_card then items.net_amount else 0 end as non_revenue,
        headers.created_at as event_at
    from items
    inner join headers
        on
            items.store_id = headers.store_id
            and items.order_id = headers.order_id

),

charges as (

    select
        store_id,
        order_id,
        'shipping' as event_id,
        'shipping' as line_type,
        cast(null as varchar) as sku,
        0 as quantity,
        0 as gross,
        0 as net,
        shipping_amount as shipping,
        shipping_tax_amount as tax,
        0 as non_revenue,
        created_at as event_at
    from headers
    where
        shipping_amount <> 0
        or shipping_tax_amount <> 0

    union all

    select
        store_id,
        order_id,
        'fee' as event_id,
        'fee' as line_type,
        cast(null as varchar) as sku,
        0 as quantity,
        fee_amount as gross,
        fee_amount as net,
        0 as shipping,
        0 as tax,
        0 as non_revenue,
        created_at as event_at
    from headers
    where fee_amount <> 0

),

explained as (

    select *
    from sold

    union all

    select *
    from charges

),

explained_sums as (

    select
        store_id,
        order_id,
        sum(gross - net) as discount,
        sum(net + shipping + tax + non_revenue) as total,
        sum(tax) as tax
    from explained
    group by
        store_id,
        order_id

),

left_over as (

    select
        headers.store_id,
        headers.order_id,
        headers.created_at,
        headers.tax_amount - coalesce(explained_sums.tax, 0) as tax,
        headers.total_amount - headers.tax_amount
        - coalesce(explained_sums.total, 0) + coalesce(explained_sums.tax, 0) as net,
        {# a discount on the whole order that stands at none of its items #}
        greatest(headers.discount_amount - coalesce(explained_sums.discount, 0), 0) as missing_discount
    from headers
    left join explained_sums
        on
            headers.store_id = explained_sums.store_id
            and headers.order_id = explained_sums.order_id

),

unallocated as (

    select
        store_id,
        order_id,
        'rest' as event_id,
        case when abs(net) <= 0.05 and abs(tax) <= 0.05 then 'rounding' else 'unallocated' end as line_type,
        cast(null as varchar) as sku,
        0 as quantity,
        case when net < 0 then net + least(missing_discount, -net) else net end as gross,
        net,
        0 as shipping,
        tax,
        0 as non_revenue,
        created_at as event_at
    from left_over
    where
        net <> 0
        or tax <> 0

),

refunds as (

    select
        refunds.store_id,
        refunds.order_id,
        cast(refunds.refund_id as varchar) as event_id,
        refunds.amount,
        refunds.refunded_at
    from {{ ref('stg_ecwid__refunds') }} as refunds
    inner join headers
        on
            refunds.store_id = headers.store_id
            and refunds.order_id = headers.order_id

),

booked as (

    select *
    from explained

    union all

    select *
    from unallocated

),

events as (

    select
        store_id,
        order_id,
        event_id,
        'sale' as event_type,
        line_type,
        sku,
        quantity,
        gross,
        gross - net as discount,
        0 as returned,
        net,
        shipping,
        tax,
        non_revenue,
        event_at
    from booked

    union all

    select
        store_id,
        order_id,
        event_id,
        'return' as event_type,
        'unallocated' as line_type,
        cast(null as varchar) as sku,
        0 as quantity,
        0 as gross,
        0 as discount,
        amount as returned,
        -amount as net,
        0 as shipping,
        0 as tax,
        0 as non_revenue,
        refunded_at as event_at
    from refunds

)

select
    'ecwid' as source,
    store_id,
    cast(order_id as varchar) as order_id,
    event_id,
    event_type,
    line_type,
    cast(null as bigint) as item_id,
    sku,
    cast(null as bigint) as employee_id,
    cast(null as bigint) as discount_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(gross as decimal(28, 10)) as gross_amount,
    cast(discount as decimal(28, 10)) as discount_amount,
    cast(returned as decimal(28, 10)) as return_amount,
    cast(net as decimal(28, 10)) as net_amount,
    cast(shipping as decimal(28, 10)) as shipping_amount,
    cast(tax as decimal(28, 10)) as tax_amount,
    cast(net + shipping + tax as decimal(28, 10)) as total_amount,
    cast(non_revenue as decimal(28, 10)) as non_revenue_amount,
    cast(null as decimal(28, 10)) as cost_amount,
    cast(null as decimal(28, 10)) as average_cost_amount,
    cast(null as decimal(28, 10)) as fifo_cost_amount,
    event_at
from events
