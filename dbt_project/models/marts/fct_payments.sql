with payments as (

    select *
    from {{ ref('int_payments') }}

)

select
    source,
    account_id,
    store_id,
    payment_id,
    order_id,
    shop_id,
    currency,
    register_id,
    employee_id,
    payment_type_id,
    payment_type_name,
    payment_kind,
    movement,
    is_order_completed,
    is_mirror,
    cast(amount as decimal(18, 4)) as amount,
    cast(tip_amount as decimal(18, 4)) as tip_amount,
    paid_at,
    paid_local_at,
    business_date,
    order_date
from payments
