{#
    Tenders of a store and day are its payments; its tax is the tills' own and, without the copies, the channels'; what
    is owed on cards, on open orders and on accounts is what was paid and not used.
#}
with tenders as (

    select
        account_id,
        source,
        store_id,
        business_date,
        sum(net_amount) as amount
    from {{ ref('tender_mix_daily') }}
    where payment_kind <> 'cash rounding'
    group by
        account_id,
        source,
        store_id,
        business_date

),

payments as (

    select
        account_id,
        source,
        store_id,
        business_date,
        sum(amount) as amount
    from {{ ref('fct_payments') }}
    group by
        account_id,
        source,
        store_id,
        business_date

),

till_taxes as (

    select
        account_id,
        shop_id,
        business_date,
        sum(tax_amount) as amount
    from {{ ref('tax_by_day') }}
    where source = 'lightspeed'
    group by
        account_id,
        shop_id,
        business_date

),

channel_taxes as (

    select
        account_id,
        coalesce(currency, 'XXX') as currency,
        business_date,
        sum(tax) as amount
    from {{ ref('revenue_by_channel_daily') }}
    group by
        account_id,
        coalesce(currency, 'XXX'),
        business_date

),

taxes_once as (

    select
        account_id,
        currency,
        business_date,
        sum(tax_amount - mirror_tax_amount) as amount
    from {{ ref('tax_by_day') }}
    group by
        account_id,
        currency,
        business_date

),

card_movements as (

    select
        account_id,
        currency,
        sum(net_amount) as amount
    from {{ ref('gift_card_liability') }}
    group by
        account_id,
        currency

),

card_ledger as (

    select
        account_id,
        coalesce(currency, 'XXX') as currency,
        sum(amount) as amount
    from (
        select
            account_id,
            currency,
            -amount as amount
        from {{ ref('fct_payments') }}
        where
            payment_kind = 'gift card'
            and not is_mirror

        union all

        select
            account_id,
            currency,
            non_revenue_amount as amount
        from {{ ref('fct_sales_events') }}
        where
            line_type = 'gift_card'
            and include_in_revenue
    ) as movements
    group by
        account_id,
        coalesce(currency, 'XXX')

),

deposits_held as (

    select
        account_id,
        kind,
        sum(balance) as amount
    from {{ ref('customer_deposits') }}
    where is_latest
    group by
        account_id,
        kind

),

deposits_paid as (

    select
        account_id,
        'open order' as kind,
        sum(amount) as amount
    from {{ ref('fct_payments') }}
    where
        source = 'lightspeed'
        and not is_order_completed
        and not is_mirror
    group by account_id

    union all

    select
        account_id,
        'credit account' as kind,
        sum(-amount) as amount
    from {{ ref('fct_payments') }}
    where
        source = 'lightspeed'
        and payment_kind = 'credit account'
        and not is_mirror
    group by account_id

)

select
    'tender_mix_daily' as mart,
    coalesce(tenders.account_id, payments.account_id) as account_id,
    coalesce(tenders.business_date, payments.business_date) as business_date,
    tenders.amount as mart_amount,
    payments.amount as source_amount
from tenders
full outer join payments
    on
        tenders.account_id = payments.account_id
        and tenders.source = payments.source
        and tenders.store_id = payments.store_id
        and tenders.business_date = payments.business_date
where tenders.amount is distinct from payments.amount

union all

select
    'tax_by_day' as mart,
    coalesce(till_taxes.account_id, days.account_id) as account_id,
    coalesce(till_taxes.business_date, days.business_date) as business_date,
    till_taxes.amount as mart_amount,
    days.tax as source_amount
from till_taxes
full outer join {{ ref('revenue_by_location_daily') }} as days
    on
        till_taxes.account_id = days.account_id
        and till_taxes.shop_id = days.shop_id
        and till_taxes.business_date = days.business_date
where coalesce(till_taxes.amount, 0) <> coalesce(days.tax, 0)

union all

{# the channels' tax is kept to four decimals #}
select
    'tax_by_day' as mart,
    coalesce(taxes_once.account_id, channel_taxes.account_id) as account_id,
    coalesce(taxes_once.business_date, channel_taxes.business_date) as business_date,
    taxes_once.amount as mart_amount,
    channel_taxes.amount as source_amount
from taxes_once
full outer join channel_taxes
    on
        taxes_once.account_id = channel_taxes.account_id
        and taxes_once.currency = channel_taxes.currency
        and taxes_once.business_date = channel_taxes.business_date
where abs(coalesce(taxes_once.amount, 0) - coalesce(channel_taxes.amount, 0)) > 0.01

union all

select
    'gift_card_liability' as mart,
    coalesce(card_movements.account_id, card_ledger.account_id) as account_id,
    cast(null as date) as business_date,
    card_movements.amount as mart_amount,
    card_ledger.amount as source_amount
from card_movements
full outer join card_ledger
    on
        card_movements.account_id = card_ledger.account_id
        and card_movements.currency = card_ledger.currency
where coalesce(card_movements.amount, 0) <> coalesce(card_ledger.amount, 0)

union all

select
    'customer_deposits' as mart,
    coalesce(deposits_held.account_id, deposits_paid.account_id) as account_id,
    cast(null as date) as business_date,
    deposits_held.amount as mart_amount,
    deposits_paid.amount as source_amount
from deposits_held
full outer join deposits_paid
    on
        deposits_held.account_id = deposits_paid.account_id
        and deposits_held.kind = deposits_paid.kind
where coalesce(deposits_held.amount, 0) <> coalesce(deposits_paid.amount, 0)
