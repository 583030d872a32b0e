with payments as (

    select *
    from {{ ref('stg_lightspeed__sale_payments') }}

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

),

payment_types as (

    select *
    from {{ ref('stg_lightspeed__payment_types') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

{# an archived payment was undone; a voided or cancelled sale gave its money back #}
moved as (

    select
        payments.account_id,
        payments.sale_payment_id,
        payments.sale_id,
        coalesce(sales.shop_id, 0) as shop_id,
        locations.currency,
        payments.register_id,
        nullif(payments.employee_id, 0) as employee_id,
        payments.payment_type_id,
        coalesce(payment_types.name, concat('unknown payment type ', cast(payments.payment_type_id as varchar)))
            as payment_type_name,
        coalesce(payment_types.payment_kind, 'unknown') as payment_kind,
        coalesce(sales.is_completed, false) as is_order_completed,
        payments.amount,
        coalesce(payments.tip_amount, 0) as tip_amount,
        coalesce(payments.created_at, {{ happened_at('sales') }}) as paid_at
    from payments
    inner join sales
        on
            payments.account_id = sales.account_id
            and payments.sale_id = sales.sale_id
    inner join ready_accounts on payments.account_id = ready_accounts.account_id
    left join payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    left join locations
        on
            sales.account_id = locations.account_id
            and coalesce(sales.shop_id, 0) = locations.shop_id
    where
        not coalesce(payments.is_archived, false)
        and not coalesce(sales.is_voided, false)
        and not coalesce(sales.is_archived, false)

),

final as (

    select
        'lightspeed' as source,
        account_id as store_id,
        cast(sale_payment_id as varchar) as payment_id,
        cast(sale_id as varchar) as order_id,
        shop_id,
        currency,
        register_id,
        employee_id,
        payment_type_id,
        payment_type_name,
        payment_kind,
        {# money onto a card or an account comes as a negative payment of that type, and leaves as a positive one #}
        case
            when payment_kind = 'gift card' and amount < 0 then 'gift_card_load'
            when payment_kind = 'gift card' then 'gift_card_use'
            when payment_kind = 'credit account' and amount < 0 then 'account_deposit'
            when payment_kind = 'credit account' then 'account_charge'
            when not is_order_completed then 'deposit'
            when amount < 0 then 'refund'
            else 'tender'
        end as movement,
        is_order_completed,
        cast(amount as decimal(18, 4)) as amount,
        cast(tip_amount as decimal(18, 4)) as tip_amount,
        paid_at
    from moved

)

select * from final
