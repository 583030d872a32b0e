{#
    Money held for a customer is no revenue: what was paid on a sale before the day it completes, and what stands on a
    customer's account. What a completed sale uses of it, it uses on its day.
#}
with payments as (

    select *
    from {{ ref('fct_payments') }}
    where
        source = 'lightspeed'
        and not is_mirror

),

raw_payments as (

    select
        account_id,
        cast(sale_payment_id as varchar) as payment_id,
        coalesce(credit_account_id, 0) as credit_account_id
    from {{ ref('stg_lightspeed__sale_payments') }}

),

credit_accounts as (

    select
        'credit account' as kind,
        *
    from {{ ref('stg_lightspeed__credit_accounts') }}
    where not coalesce(is_gift_card, false)

),

sales as (

    select
        'open order' as kind,
        account_id,
        cast(sale_id as varchar) as order_id,
        nullif(customer_id, 0) as customer_id
    from {{ ref('stg_lightspeed__sales') }}

),

{# paid on the day itself is paid at the counter #}
paid_ahead as (

    select
        account_id,
        order_id,
        currency,
        shop_id,
        business_date,
        amount,
        order_date
    from payments
    where
        order_date is null
        or business_date < order_date

),

moved as (

    select
        account_id,
        'open order' as kind,
        order_id as reference_id,
        shop_id,
        currency,
        business_date,
        case when amount > 0 then amount else 0 end as deposited_amount,
        case when amount < 0 then -amount else 0 end as refunded_amount,
        cast(0 as decimal(18, 4)) as used_amount
    from paid_ahead

    union all

    select
        account_id,
        'open order' as kind,
        order_id as reference_id,
        shop_id,
        currency,
        order_date as business_date,
        cast(0 as decimal(18, 4)) as deposited_amount,
        cast(0 as decimal(18, 4)) as refunded_amount,
        amount as used_amount
    from paid_ahead
    where order_date is not null

    union all

    select
        payments.account_id,
        'credit account' as kind,
        cast(coalesce(raw_payments.credit_account_id, 0) as varchar) as reference_id,
        cast(null as bigint) as shop_id,
        payments.currency,
        payments.business_date,
        case when payments.amount < 0 then -payments.amount else 0 end as deposited_amount,
        cast(0 as decimal(18, 4)) as refunded_amount,
        case when payments.amount > 0 then payments.amount else 0 end as used_amount
    from payments
    left join raw_payments
        on
            payments.account_id = raw_payments.account_id
            and payments.payment_id = raw_payments.payment_id
    where payments.payment_kind = 'credit account'

),

movements as (

    select *
    from moved

    union all

    {# an account that has not moved holds what it did: the day it was read says so #}
    select
        credit_accounts.account_id,
        'credit account' as kind,
        cast(credit_accounts.credit_account_id as varchar) as reference_id,
        cast(null as bigint) as shop_id,
        tills.currency,
        cast({{ local_time('credit_accounts.loaded_at', "'UTC'") }} as date) as business_date,
        cast(0 as decimal(18, 4)) as deposited_amount,
        cast(0 as decimal(18, 4)) as refunded_amount,
        cast(0 as decimal(18, 4)) as used_amount
    from credit_accounts
    inner join {{ ref('int_stores') }} as tills
        on
            tills.source = 'lightspeed'
            and credit_accounts.account_id = tills.store_id
    left join moved
        on
            moved.kind = 'credit account'
            and credit_accounts.account_id = moved.account_id
            and cast(credit_accounts.credit_account_id as varchar) = moved.reference_id
    where
        moved.account_id is null
        and credit_accounts.balance <> 0

),

by_day as (

    select
        account_id,
        kind,
        reference_id,
        max(shop_id) as shop_id,
        coalesce(max(currency), 'XXX') as currency,
        business_date,
        sum(deposited_amount) as deposited_amount,
        sum(refunded_amount) as refunded_amount,
        sum(used_amount) as used_amount,
        sum(deposited_amount - refunded_amount - used_amount) as net_amount
    from movements
    group by
        account_id,
        kind,
        reference_id,
        business_date

),

running as (

    select
        by_day.*,
        sum(net_amount) over (
            partition by account_id, kind, reference_id
            order by business_date asc nulls last
            rows between unbounded preceding and current row
        ) as balance,
        sum(net_amount) over (partition by account_id, kind, reference_id) as moved_amount,
        min(business_date) over (partition by account_id, kind, reference_id) as opened_date,
        max(business_date) over (partition by account_id, kind, reference_id) as last_date
    from by_day

),

incomplete_days as (

    {{ incomplete_days('account') }}

)

select
    running.account_id,
    running.kind,
    running.reference_id,
    running.business_date,
    incomplete_days.account_id is null as is_complete,
    running.shop_id,
    running.currency,
    coalesce(sales.customer_id, credit_accounts.customer_id) as customer_id,
    running.opened_date,
    running.business_date = running.last_date as is_latest,
    cast(running.deposited_amount as decimal(18, 4)) as deposited_amount,
    cast(running.refunded_amount as decimal(18, 4)) as refunded_amount,
    cast(running.used_amount as decimal(18, 4)) as used_amount,
    cast(running.net_amount as decimal(18, 4)) as net_amount,
    cast(running.balance as decimal(18, 4)) as balance,
    cast(case when running.business_date = running.last_date then -credit_accounts.balance end as decimal(18, 4))
        as stated_balance,
    cast(-credit_accounts.balance - running.moved_amount as decimal(18, 4)) as opening_balance
from running
left join incomplete_days on {{ is_same_day('running', 'incomplete_days', 'account') }}
left join sales
    on
        running.kind = sales.kind
        and running.account_id = sales.account_id
        and running.reference_id = sales.order_id
left join credit_accounts
    on
        running.kind = credit_accounts.kind
        and running.account_id = credit_accounts.account_id
        and running.reference_id = cast(credit_accounts.credit_account_id as varchar)
