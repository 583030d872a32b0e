{#
    Tenders of a shop, day and type are what is held against Lightspeed's own report of payments, and of an online store
    its payments; its tax is the tills' own and, without the copies, the channels'. What is owed on cards runs with
    their ledger each day, and ends at what Lightspeed says with what moved online. What is held on an order or an
    account is what was paid and not used, and an account's is what Lightspeed says.
#}
with tenders as (

    select
        account_id,
        source,
        store_id,
        shop_id,
        business_date,
        payment_type_id,
        sum(net_amount) as amount
    from {{ ref('tender_mix_daily') }}
    where payment_kind not in ('cash rounding', 'other days', 'held orders')
    group by
        account_id,
        source,
        store_id,
        shop_id,
        business_date,
        payment_type_id

),

payments as (

    select
        account_id,
        'lightspeed' as source,
        account_id as store_id,
        coalesce(shop_id, 0) as shop_id,
        business_date,
        payment_type_id,
        sum(amount) as amount
    from {{ ref('int_daily_measures') }}
    where measure = 'payments'
    group by
        account_id,
        coalesce(shop_id, 0),
        business_date,
        payment_type_id

    union all

    select
        account_id,
        source,
        store_id,
        coalesce(shop_id, 0) as shop_id,
        business_date,
        coalesce(payment_type_id, 0) as payment_type_id,
        sum(amount) as amount
    from {{ ref('fct_payments') }}
    where source <> 'lightspeed'
    group by
        account_id,
        source,
        store_id,
        coalesce(shop_id, 0),
        business_date,
        coalesce(payment_type_id, 0)

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

card_days as (

    select
        account_id,
        currency,
        business_date,
        balance,
        opening_balance,
        row_number() over (
            partition by account_id, currency
            order by business_date desc nulls last
        ) as place
    from {{ ref('gift_card_liability') }}

),

card_ledger as (

    select
        account_id,
        coalesce(currency, 'XXX') as currency,
        business_date,
        source,
        -amount as amount
    from {{ ref('fct_payments') }}
    where
        payment_kind = 'gift card'
        and not is_mirror

    union all

    select
        account_id,
        coalesce(currency, 'XXX') as currency,
        business_date,
        source,
        non_revenue_amount as amount
    from {{ ref('fct_sales_events') }}
    where
        line_type = 'gift_card'
        and include_in_revenue
        and non_revenue_amount <> 0

),

card_ledger_days as (

    select
        account_id,
        currency,
        business_date,
        sum(amount) as amount
    from card_ledger
    group by
        account_id,
        currency,
        business_date

),

card_movements as (

    select
        coalesce(card_days.account_id, ledger.account_id) as account_id,
        coalesce(card_days.currency, ledger.currency) as currency,
        coalesce(card_days.business_date, ledger.business_date) as business_date,
        card_days.place,
        card_days.balance,
        ledger.amount
    from card_days
    full outer join card_ledger_days as ledger
        on
            card_days.account_id = ledger.account_id
            and card_days.currency = ledger.currency
            and card_days.business_date = ledger.business_date

),

card_running as (

    select
        card_movements.*,
        sum(amount) over (
            partition by account_id, currency
            order by business_date asc nulls last
            rows between unbounded preceding and current row
        ) as amount_so_far,
        sum(amount) over (partition by account_id, currency) as amount_in_all,
        count(place) over (partition by account_id, currency) as days_in_mart
    from card_movements

),

{# a day that has no row is found by the next one's balance, the last one's by the end of the ledger #}
card_balances as (

    select
        account_id,
        currency,
        business_date,
        balance,
        case when place = 1 then amount_in_all else amount_so_far end as amount
    from card_running
    where place is not null

    union all

    {# the mart has no day of this ledger #}
    select
        account_id,
        currency,
        cast(null as date) as business_date,
        cast(null as decimal(18, 4)) as balance,
        sum(amount) as amount
    from card_running
    where days_in_mart = 0
    group by
        account_id,
        currency

),

cards_stated as (

    select
        cards.account_id,
        tills.currency,
        sum(-cards.balance) as amount
    from {{ ref('stg_lightspeed__credit_accounts') }} as cards
    inner join {{ ref('int_stores') }} as tills
        on
            tills.source = 'lightspeed'
            and cards.account_id = tills.store_id
    where cards.is_gift_card
    group by
        cards.account_id,
        tills.currency

),

cards_moved_online as (

    select
        account_id,
        currency,
        sum(amount) as amount
    from card_ledger
    where source <> 'lightspeed'
    group by
        account_id,
        currency

),

deposits_held as (

    select
        account_id,
        kind,
        reference_id,
        balance + coalesce(opening_balance, 0) as amount
    from {{ ref('customer_deposits') }}
    where
        is_latest
        and balance + coalesce(opening_balance, 0) <> 0

),

accounts_stated as (

    select
        credit_accounts.account_id,
        cast(credit_accounts.credit_account_id as varchar) as reference_id,
        -credit_accounts.balance as amount
    from {{ ref('stg_lightspeed__credit_accounts') }} as credit_accounts
    inner join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on credit_accounts.account_id = ready_accounts.account_id
    where not coalesce(credit_accounts.is_gift_card, false)

),

{# an account that Lightspeed says nothing of holds what its payments make #}
accounts_paid as (

    select
        payments.account_id,
        cast(coalesce(raw_payments.credit_account_id, 0) as varchar) as reference_id,
        sum(-payments.amount) as amount
    from {{ ref('fct_payments') }} as payments
    left join {{ ref('stg_lightspeed__sale_payments') }} as raw_payments
        on
            payments.store_id = raw_payments.account_id
            and payments.payment_id = cast(raw_payments.sale_payment_id as varchar)
    where
        payments.source = 'lightspeed'
        and payments.payment_kind = 'credit account'
        and not payments.is_mirror
    group by
        payments.account_id,
        cast(coalesce(raw_payments.credit_account_id, 0) as varchar)

),

deposits_paid as (

    select
        account_id,
        'open order' as kind,
        order_id as reference_id,
        sum(amount) as amount
    from {{ ref('fct_payments') }}
    where
        source = 'lightspeed'
        and not is_order_completed
        and not is_mirror
    group by
        account_id,
        order_id

    union all

    select
        coalesce(accounts_stated.account_id, accounts_paid.account_id) as account_id,
        'credit account' as kind,
        coalesce(accounts_stated.reference_id, accounts_paid.reference_id) as reference_id,
        coalesce(accounts_stated.amount, accounts_paid.amount) as amount
    from accounts_stated
    full outer join accounts_paid
        on
            accounts_stated.account_id = accounts_paid.account_id
            and accounts_stated.reference_id = accounts_paid.reference_id

)

select
    'tender_mix_daily' as mart,
    coalesce(tenders.account_id, payments.account_id) as account_id,
    concat(
        'shop ', cast(coalesce(tenders.shop_id, payments.shop_id) as varchar),
        ', payment type ', cast(coalesce(tenders.payment_type_id, payments.payment_type_id) as varchar)
    ) as detail,
    coalesce(tenders.business_date, payments.business_date) as business_date,
    tenders.amount as mart_amount,
    payments.amount as source_amount
from tenders
full outer join payments
    on
        tenders.account_id = payments.account_id
        and tenders.source = payments.source
        and tenders.store_id = payments.store_id
        and tenders.shop_id = payments.shop_id
        and tenders.business_date = payments.business_date
        and tenders.payment_type_id = payments.payment_type_id
where tenders.amount is distinct from payments.amount

union all

select
    'tax_by_day' as mart,
    coalesce(till_taxes.account_id, days.account_id) as account_id,
    cast(null as varchar) as detail,
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
    cast(null as varchar) as detail,
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
    account_id,
    currency as detail,
    business_date,
    balance as mart_amount,
    amount as source_amount
from card_balances
where coalesce(balance, 0) <> coalesce(amount, 0)

union all

select
    'gift_card_liability' as mart,
    cards_stated.account_id,
    concat('stated ', cards_stated.currency) as detail,
    card_days.business_date,
    card_days.balance + card_days.opening_balance as mart_amount,
    cards_stated.amount + coalesce(cards_moved_online.amount, 0) as source_amount
from cards_stated
left join card_days
    on
        cards_stated.account_id = card_days.account_id
        and cards_stated.currency = card_days.currency
        and card_days.place = 1
left join cards_moved_online
    on
        cards_stated.account_id = cards_moved_online.account_id
        and cards_stated.currency = cards_moved_online.currency
where
    coalesce(card_days.balance + card_days.opening_balance, 0)
    <> cards_stated.amount + coalesce(cards_moved_online.amount, 0)

union all

select
    'customer_deposits' as mart,
    coalesce(deposits_held.account_id, deposits_paid.account_id) as account_id,
    concat(
        coalesce(deposits_held.kind, deposits_paid.kind), ' ',
        coalesce(deposits_held.reference_id, deposits_paid.reference_id)
    ) as detail,
    cast(null as date) as business_date,
    deposits_held.amount as mart_amount,
    deposits_paid.amount as source_amount
from deposits_held
full outer join deposits_paid
    on
        deposits_held.account_id = deposits_paid.account_id
        and deposits_held.kind = deposits_paid.kind
        and deposits_held.reference_id = deposits_paid.reference_id
where coalesce(deposits_held.amount, 0) <> coalesce(deposits_paid.amount, 0)
