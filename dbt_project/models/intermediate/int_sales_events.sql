with events as (

    select *
    from {{ ref('int_all_events') }}

),

orders as (

    select *
    from {{ ref('int_orders') }}

),

store_returns as (

    select *
    from {{ ref('int_store_returns') }}

),

returned_goods as (

    select
        'lightspeed' as source,
        account_id,
        order_id,
        event_id,
        original_source,
        original_store_id,
        original_order_id,
        is_mirror
    from store_returns

    union all

    select
        'lightspeed' as source,
        account_id,
        order_id,
        'rounding' as event_id,
        original_source,
        original_store_id,
        original_order_id,
        is_mirror
    from {{ ref('int_whole_store_returns') }}

),

{# few, so that the events need not meet all orders a second time #}
returned_online_goods as (

    select
        returned_goods.*,
        originals.channel,
        originals.sub_channel
    from returned_goods
    left join {{ ref('int_orders') }} as originals
        on
            returned_goods.original_source = originals.source
            and returned_goods.original_store_id = originals.store_id
            and returned_goods.original_order_id = originals.order_id

),

{# what the till booked as the goods' cost, by order and SKU #}
mirror_costs as (

    select
        mirrors.mirror_of_source as source,
        mirrors.mirror_of_store_id as store_id,
        mirrors.mirror_of_order_id as order_id,
        mirror_events.sku,
        {{ divided('sum(mirror_events.average_cost_amount)', 'sum(mirror_events.quantity)') }} as average_cost,
        {{ divided('sum(mirror_events.fifo_cost_amount)', 'sum(mirror_events.quantity)') }} as fifo_cost
    from {{ ref('int_orders') }} as mirrors
    inner join {{ ref('int_all_events') }} as mirror_events
        on
            mirrors.source = mirror_events.source
            and mirrors.store_id = mirror_events.store_id
            and mirrors.order_id = mirror_events.order_id
    where
        mirrors.is_mirror
        and mirror_events.event_type = 'sale'
        and mirror_events.quantity > 0
        and mirror_events.sku is not null
    group by
        mirrors.mirror_of_source,
        mirrors.mirror_of_store_id,
        mirrors.mirror_of_order_id,
        mirror_events.sku

),

item_costs as (

    select *
    from {{ ref('int_items_by_sku') }}

),

joined as (

    select
        events.source,
        orders.account_id,
        events.store_id,
        events.order_id,
        events.event_id,
        events.event_type,
        events.line_type,
        orders.shop_id,
        orders.location_name,
        orders.currency,
        coalesce(returned_online_goods.channel, orders.channel) as channel,
        coalesce(returned_online_goods.sub_channel, orders.sub_channel) as sub_channel,
        events.item_id,
        events.sku,
        events.employee_id,
        events.discount_id,
        orders.customer_id,
        orders.include_in_revenue and not coalesce(returned_online_goods.is_mirror, false) as include_in_revenue,
        returned_online_goods.original_source as return_of_source,
        returned_online_goods.original_store_id as return_of_store_id,
        returned_online_goods.original_order_id as return_of_order_id,
        events.quantity,
        events.gross_amount,
        events.discount_amount,
        events.return_amount,
        events.net_amount,
        events.shipping_amount,
        events.tax_amount,
        events.total_amount,
        events.non_revenue_amount,
        case
            when events.average_cost_amount is not null then 'till'
            when events.quantity = 0 then 'none'
            when mirror_costs.average_cost is not null then 'mirror'
            when item_costs.average_cost is not null then 'item'
            else 'unknown'
        end as cost_source,
        coalesce(
            events.cost_amount,
            {{ 'mirror_costs.fifo_cost' if var('cost_basis') == 'fifo' else 'mirror_costs.average_cost' }}
            * events.quantity,
            item_costs.average_cost * events.quantity,
            0
        ) as cost_amount,
        coalesce(
            events.average_cost_amount,
            mirror_costs.average_cost * events.quantity,
            item_costs.average_cost * events.quantity,
            0
        ) as average_cost_amount,
        coalesce(
            events.fifo_cost_amount,
            mirror_costs.fifo_cost * events.quantity,
            item_costs.average_cost * events.quantity,
            0
        ) as fifo_cost_amount,
        events.event_at,
        events.event_local_at,
        events.business_date
    from events
    inner join orders
        on
            events.source = orders.source
            and events.store_id = orders.store_id
            and events.order_id = orders.order_id
    left join returned_online_goods
        on
            events.source = returned_online_goods.source
            and events.account_id = returned_online_goods.account_id
            and events.order_id = returned_online_goods.order_id
            and events.event_id = returned_online_goods.event_id
    left join mirror_costs
        on
            events.source = mirror_costs.source
            and events.store_id = mirror_costs.store_id
            and events.order_id = mirror_costs.order_id
            and events.sku = mirror_costs.sku
    left join item_costs
        on
            orders.account_id = item_costs.account_id
            and events.sku = item_costs.sku

)

select * from joined
