{# what moved, as fct_payments has it, by the calendar's day on which it was taken and on which its sale completed #}
with payments as (

    select *
    from {{ ref('int_lightspeed__payments') }}

),

sales as (

    select
        account_id,
        sale_id,
        cast(completed_local_at as date) as completed_date
    from {{ ref('int_lightspeed__counted_sales') }}

)

select
    payments.store_id as account_id,
    payments.shop_id,
    cast(payments.order_id as bigint) as sale_id,
    coalesce(payments.payment_type_id, 0) as payment_type_id,
    payments.payment_kind,
    payments.is_order_completed,
    payments.amount,
    payments.tip_amount,
    cast({{ local_time('payments.paid_at', 'payments.time_zone') }} as date) as taken_date,
    sales.completed_date
from payments
left join sales
    on
        payments.store_id = sales.account_id
        and cast(payments.order_id as bigint) = sales.sale_id
