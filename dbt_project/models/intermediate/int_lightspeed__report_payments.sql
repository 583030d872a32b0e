{# What moved, as fct_payments has it, and archived payments of the same sales: a report may count those. #}
with payments as (

    select *
    from {{ ref('stg_lightspeed__sale_payments') }}

),

zones as (

    select *
    from {{ ref('int_lightspeed__shop_zones') }}

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

reporting_accounts as (

    select *
    from {{ ref('int_lightspeed__reporting_accounts') }}

),

payment_types as (

    select *
    from {{ ref('stg_lightspeed__payment_types') }}

),

moved as (

    select
        payments.account_id,
        payments.sale_payment_id as payment_id,
        payments.sale_id,
        coalesce(sales.shop_id, 0) as shop_id,
        coalesce(payments.payment_type_id, 0) as payment_type_id,
        coalesce(payment_types.payment_kind, 'unknown') as payment_kind,
        coalesce(sales.is_completed, false) as is_settled,
        coalesce(payments.is_archived, false) as is_undone,
        payments.amount,
        payments.amount - coalesce(payments.tip_amount, 0) as amount_without_tip,
        coalesce(payments.created_at, sales.completed_at, sales.modified_at, sales.created_at) as taken_at,
        coalesce(sales.created_at, payments.created_at) as begun_at,
        coalesce(zones.time_zone, 'UTC') as time_zone
    from payments
    inner join sales
        on
            payments.account_id = sales.account_id
            and payments.sale_id = sales.sale_id
    inner join reporting_accounts on payments.account_id = reporting_accounts.account_id
    left join payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    left join zones
        on
            sales.account_id = zones.account_id
            and coalesce(sales.shop_id, 0) = zones.shop_id
            and {{ holds_at(
                'zones', 'coalesce(payments.created_at, sales.completed_at, sales.modified_at, sales.created_at)'
            ) }}
    where
        not coalesce(sales.is_voided, false)
        and not coalesce(sales.is_archived, false)

)

select
    account_id,
    payment_id,
    sale_id,
    shop_id,
    payment_type_id,
    payment_kind,
    taken_at,
    begun_at,
    time_zone,
    case when is_undone then 0 else amount end as paid,
    case when is_undone then 0 else amount_without_tip end as paid_without_tips,
    case when is_undone or not is_settled then 0 else amount end as settled,
    case when is_undone or not is_settled then 0 else amount_without_tip end as settled_without_tips,
    amount as paid_or_undone,
    amount_without_tip as paid_or_undone_without_tips,
    case when is_settled then amount else 0 end as settled_or_undone,
    case when is_settled then amount_without_tip else 0 end as settled_or_undone_without_tips
from moved
