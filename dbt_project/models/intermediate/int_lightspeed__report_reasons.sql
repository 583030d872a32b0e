{# what a report may put elsewhere, as amounts of the day: a reason explains only the difference it is #}
with payments as (

    select *
    from {{ ref('int_lightspeed__report_payments') }}

),

readings as (

    select *
    from {{ ref('int_lightspeed__report_readings') }}
    where measure = 'payments'

),

payment_days as (

    select *
    from {{ ref('int_lightspeed__report_payment_days') }}

),

headers as (

    select *
    from {{ ref('stg_lightspeed__sales') }}
    where
        is_completed
        and coalesce(cash_rounding_delta, 0) <> 0

),

{# a ticket's rounding stands once, however often it was paid for in cash #}
paid_in_cash as (

    select
        payments.account_id,
        payments.sale_id,
        payments.shop_id,
        payment_days.business_date,
        case when readings.kinds = 'together' then 0 else payments.payment_type_id end as detail_id,
        max(headers.cash_rounding_delta) as cash_rounding_delta
    from payments
    inner join headers
        on
            payments.account_id = headers.account_id
            and payments.sale_id = headers.sale_id
    inner join readings on payments.account_id = readings.account_id
    inner join payment_days
        on
            payments.account_id = payment_days.account_id
            and payments.payment_id = payment_days.payment_id
            and readings.day_event = payment_days.day_event
            and readings.day_zone = payment_days.day_zone
    where payments.payment_kind = 'cash'
    group by
        payments.account_id,
        payments.sale_id,
        payments.shop_id,
        payment_days.business_date,
        case when readings.kinds = 'together' then 0 else payments.payment_type_id end

),

{# whether it adds or takes is not documented #}
signs as (

    select 1 as sign
    union all
    select -1 as sign

),

final as (

    select
        paid_in_cash.account_id,
        paid_in_cash.shop_id,
        paid_in_cash.business_date,
        'payments' as measure,
        paid_in_cash.detail_id,
        'cash rounding: what totals in cash were rounded by' as reason,
        cast(sum(signs.sign * paid_in_cash.cash_rounding_delta) as decimal(18, 4)) as amount
    from paid_in_cash
    cross join signs
    group by
        paid_in_cash.account_id,
        paid_in_cash.shop_id,
        paid_in_cash.business_date,
        paid_in_cash.detail_id,
        signs.sign

)

select *
from final
where amount <> 0
