{#
    An order's agreements are its ledger: each says what was agreed, when, with and without tax, whether the store's
    prices hold the tax or not. Header totals are not: they know the last state, not the day of each change.
#}
with raw as (

    select *
    from {{ source('raw_shopify', 'sale') }}

),

order_lines as (

    select *
    from {{ ref('stg_shopify__order_lines') }}

),

orders as (

    select *
    from {{ ref('stg_shopify__orders') }}

),

kinds as (

    select
        raw.*,
        order_lines.sku,
        raw.total_amount - raw.total_tax_amount as amount,
        coalesce(raw.total_discount_amount_before_taxes, 0) as discount,
        case upper(raw.line_type)
            when 'PRODUCT' then 'product'
            when 'SHIPPING' then 'shipping'
            when 'GIFT_CARD' then 'gift_card'
            when 'TIP' then 'tip'
            when 'DUTY' then 'duty'
            when 'FEE' then 'fee'
            when 'ADDITIONAL_FEE' then 'fee'
            else 'unallocated'
        end as kind,
        {# a cancellation takes back what was agreed, on its own day #}
        case
            when upper(raw.line_type) = 'ADJUSTMENT' then 'adjustment'
            when upper(raw.action_type) = 'RETURN' and orders.order_status = 'cancelled' then 'cancel'
            when upper(raw.action_type) = 'RETURN' then 'return'
            when upper(raw.action_type) = 'UPDATE' or upper(raw.reason) = 'ORDER_EDIT' then 'edit'
            else 'sale'
        end as event_type
    from raw
    left join order_lines
        on
            raw.account_id = order_lines.store_id
            and raw.order_id = order_lines.order_id
            and raw.line_item_id = order_lines.order_line_id
    left join orders
        on
            raw.account_id = orders.store_id
            and cast(raw.order_id as varchar) = orders.order_id

),

amounts as (

    select
        kinds.*,
        case when kind in ('product', 'fee', 'unallocated') then amount else 0 end as net,
        case when kind in ('product', 'fee', 'unallocated') then discount else 0 end as goods_discount,
        case when kind = 'shipping' then amount else 0 end as shipping,
        case when kind in ('gift_card', 'tip', 'duty') then amount else 0 end as non_revenue,
        event_type in ('return', 'cancel', 'adjustment') as is_given_back
    from kinds

)

select
    'shopify' as source,
    account_id as store_id,
    cast(order_id as varchar) as order_id,
    cast(id as varchar) as event_id,
    event_type,
    kind as line_type,
    cast(null as bigint) as item_id,
    sku,
    cast(null as bigint) as employee_id,
    cast(null as bigint) as discount_id,
    cast(case when kind = 'product' then coalesce(quantity, 0) else 0 end as decimal(18, 4)) as quantity,
    cast(case when is_given_back then 0 else net + goods_discount end as decimal(28, 10)) as gross_amount,
    cast(case when is_given_back then 0 else goods_discount end as decimal(28, 10)) as discount_amount,
    cast(case when is_given_back then -net else 0 end as decimal(28, 10)) as return_amount,
    cast(net as decimal(28, 10)) as net_amount,
    cast(shipping as decimal(28, 10)) as shipping_amount,
    cast(total_tax_amount as decimal(28, 10)) as tax_amount,
    cast(net + shipping + total_tax_amount as decimal(28, 10)) as total_amount,
    cast(non_revenue as decimal(28, 10)) as non_revenue_amount,
    cast(null as decimal(28, 10)) as cost_amount,
    cast(null as decimal(28, 10)) as average_cost_amount,
    cast(null as decimal(28, 10)) as fifo_cost_amount,
    happened_at as event_at
from amounts
