{# the store says how much is paid and by which method, not when: on the order's day; a refund on its own #}
with headers as (

    select *
    from {{ ref('stg_ecwid__order_headers') }}

),

shops as (

    select *
    from {{ ref('stg_ecwid__shops') }}

),

movements as (

    select
        store_id,
        order_id,
        'paid' as payment_id,
        lower(trim(coalesce(payment_method, 'unknown'))) as tender,
        total_amount - redeemed_amount as amount,
        created_at as paid_at
    from headers
    where
        is_paid
        and total_amount <> redeemed_amount

    union all

    select
        store_id,
        order_id,
        'gift_card' as payment_id,
        'gift_card' as tender,
        redeemed_amount as amount,
        created_at as paid_at
    from headers
    where
        is_paid
        and redeemed_amount <> 0

    union all

    select
        refunds.store_id,
        refunds.order_id,
        cast(refunds.refund_id as varchar) as payment_id,
        lower(trim(coalesce(headers.payment_method, 'unknown'))) as tender,
        -refunds.amount as amount,
        refunds.refunded_at as paid_at
    from {{ ref('stg_ecwid__refunds') }} as refunds
    inner join headers
        on
            refunds.store_id = headers.store_id
            and refunds.order_id = headers.order_id

)

select
    'ecwid' as source,
    movements.store_id,
    concat(cast(movements.order_id as varchar), ':', movements.payment_id) as payment_id,
    cast(movements.order_id as varchar) as order_id,
    cast(null as bigint) as shop_id,
    shops.currency,
    cast(null as bigint) as register_id,
    cast(null as bigint) as employee_id,
    cast(null as bigint) as payment_type_id,
    movements.tender as payment_type_name,
    case when movements.tender = 'gift_card' then 'gift card' else 'ecom' end as payment_kind,
    case
        when movements.tender = 'gift_card' then 'gift_card_use'
        when movements.amount < 0 then 'refund'
        else 'tender'
    end as movement,
    true as is_order_completed,
    cast(movements.amount as decimal(18, 4)) as amount,
    cast(0 as decimal(18, 4)) as tip_amount,
    movements.paid_at
from movements
left join shops on movements.store_id = shops.store_id
