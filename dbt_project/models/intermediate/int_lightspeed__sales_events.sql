with orders as (

    select *
    from {{ ref('int_lightspeed__tickets') }}

),

lines as (

    select *
    from {{ ref('int_lightspeed__counted_lines') }}

),

line_events as (

    select
        account_id,
        cast(sale_id as varchar) as order_id,
        cast(sale_line_id as varchar) as event_id,
        event_type,
        item_id,
        employee_id,
        discount_id,
        quantity,
        gross_amount,
        discount_amount,
        return_amount,
        net_amount,
        tax_amount,
        total_amount,
        cost_amount,
        average_cost_amount,
        fifo_cost_amount
    from lines

),

sums as (

    select
        account_id,
        order_id,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(return_amount) as return_amount,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount,
        sum(total_amount) as total_amount,
        sum(cost_amount) as cost_amount
    from line_events
    group by
        account_id,
        order_id

),

{# a header rounds the sum of its unrounded lines: what that adds or takes is an event of its own #}
differences as (

    select
        orders.account_id,
        orders.order_id,
        'rounding' as event_id,
        'rounding' as event_type,
        cast(null as bigint) as item_id,
        orders.employee_id,
        cast(null as bigint) as discount_id,
        cast(0 as decimal(18, 4)) as quantity,
        cast(orders.gross_amount - coalesce(sums.gross_amount, 0) as decimal(28, 10)) as gross_amount,
        cast(orders.discount_amount - coalesce(sums.discount_amount, 0) as decimal(28, 10)) as discount_amount,
        cast(orders.return_amount - coalesce(sums.return_amount, 0) as decimal(28, 10)) as return_amount,
        cast(orders.net_amount - coalesce(sums.net_amount, 0) as decimal(28, 10)) as net_amount,
        cast(orders.tax_amount - coalesce(sums.tax_amount, 0) as decimal(28, 10)) as tax_amount,
        cast(orders.total_amount - coalesce(sums.total_amount, 0) as decimal(28, 10)) as total_amount,
        cast(orders.cost_amount - coalesce(sums.cost_amount, 0) as decimal(28, 10)) as cost_amount,
        cast(0 as decimal(28, 10)) as average_cost_amount,
        cast(0 as decimal(28, 10)) as fifo_cost_amount
    from orders
    left join sums
        on
            orders.account_id = sums.account_id
            and orders.order_id = sums.order_id

),

events as (

    select *
    from line_events

    union all

    select *
    from differences
    where
        gross_amount <> 0
        or discount_amount <> 0
        or return_amount <> 0
        or net_amount <> 0
        or tax_amount <> 0
        or total_amount <> 0
        or cost_amount <> 0

),

items as (

    select *
    from {{ ref('stg_lightspeed__items') }}

),

final as (

    select
        'lightspeed' as source,
        events.account_id as store_id,
        events.order_id,
        events.event_id,
        events.event_type,
        case events.event_type
            when 'item_fee' then 'fee'
            when 'gift_card_load' then 'gift_card'
            when 'rounding' then 'rounding'
            else 'product'
        end as line_type,
        events.item_id,
        coalesce(nullif(trim(items.custom_sku), ''), items.system_sku) as sku,
        events.employee_id,
        events.discount_id,
        cast(events.quantity as decimal(18, 4)) as quantity,
        events.gross_amount,
        events.discount_amount,
        events.return_amount,
        events.net_amount,
        cast(0 as decimal(28, 10)) as shipping_amount,
        events.tax_amount,
        events.total_amount,
        cast(0 as decimal(28, 10)) as non_revenue_amount,
        events.cost_amount,
        events.average_cost_amount,
        events.fifo_cost_amount,
        orders.completed_at as event_at
    from events
    inner join orders
        on
            events.account_id = orders.account_id
            and events.order_id = orders.order_id
    left join items
        on
            events.account_id = items.account_id
            and events.item_id = items.item_id

)

select * from final
