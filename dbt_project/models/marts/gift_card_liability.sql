{#
    Money onto a card is owed to its holder until it is spent, wherever it was sold and wherever it pays; the copy of
    an online order moves nothing. Days without a movement have no row: a balance holds until the next.
#}
with payments as (

    select *
    from {{ ref('fct_payments') }}
    where
        payment_kind = 'gift card'
        and not is_mirror

),

orders as (

    select
        source,
        store_id,
        order_id,
        units_returned > 0 and order_kind <> 'gift_card_load' as takes_back,
        total_amount
    from {{ ref('fct_orders') }}

),

{# a till's ticket that sells a card has a line of nothing for it #}
cards_sold as (

    select
        source,
        account_id,
        store_id,
        order_id,
        coalesce(currency, 'XXX') as currency,
        business_date,
        non_revenue_amount
    from {{ ref('fct_sales_events') }}
    where
        line_type = 'gift_card'
        and include_in_revenue

),

cards_sold_at_tills as (

    select distinct
        source,
        store_id,
        order_id
    from cards_sold
    where source = 'lightspeed'

),

moved as (

    select
        payments.account_id,
        coalesce(payments.currency, 'XXX') as currency,
        payments.business_date,
        payments.source,
        -payments.amount as amount,
        {# a card that pays where nothing is to pay is taken back, cashed out or moved onto another #}
        case
            when payments.source = 'lightspeed' and payments.amount > 0 and orders.total_amount <= 0 then 'other'
            when payments.amount > 0 then 'used'
            when payments.source <> 'lightspeed' then 'refunded'
            when cards_sold_at_tills.order_id is null and orders.takes_back then 'refunded'
            else 'loaded'
        end as movement
    from payments
    left join orders
        on
            payments.source = orders.source
            and payments.store_id = orders.store_id
            and payments.order_id = orders.order_id
    left join cards_sold_at_tills
        on
            payments.source = cards_sold_at_tills.source
            and payments.store_id = cards_sold_at_tills.store_id
            and payments.order_id = cards_sold_at_tills.order_id

    union all

    {# online a card is a line; one that is taken back or cancelled is owed no more #}
    select
        account_id,
        currency,
        business_date,
        source,
        non_revenue_amount as amount,
        case when non_revenue_amount < 0 then 'other' else 'loaded' end as movement
    from cards_sold
    where
        source <> 'lightspeed'
        and non_revenue_amount <> 0

),

{#
    What Lightspeed holds now beyond what is known to have moved: cards from before the first sale that is loaded. They
    are in the tills' currency.
#}
stated as (

    select
        cards.account_id,
        tills.currency,
        sum(-cards.balance) as balance,
        max(cast({{ local_time('cards.loaded_at', "'UTC'") }} as date)) as loaded_date
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

moved_at_tills as (

    select
        account_id,
        currency,
        sum(amount) as amount
    from moved
    where source = 'lightspeed'
    group by
        account_id,
        currency

),

movements as (

    select *
    from moved

    union all

    {# cards that have not moved are owed all the same: the day they were read says so #}
    select
        stated.account_id,
        stated.currency,
        stated.loaded_date as business_date,
        'lightspeed' as source,
        cast(0 as decimal(18, 4)) as amount,
        'none' as movement
    from stated
    left join moved
        on
            stated.account_id = moved.account_id
            and stated.currency = moved.currency
    where
        moved.account_id is null
        and stated.balance <> 0

),

by_day as (

    select
        account_id,
        currency,
        business_date,
        sum(case when movement = 'loaded' and source = 'lightspeed' then amount else 0 end) as loaded_at_tills,
        sum(case when movement = 'loaded' and source <> 'lightspeed' then amount else 0 end) as loaded_online,
        sum(case when movement = 'used' and source = 'lightspeed' then -amount else 0 end) as used_at_tills,
        sum(case when movement = 'used' and source <> 'lightspeed' then -amount else 0 end) as used_online,
        sum(case when movement = 'refunded' then amount else 0 end) as refunded_amount,
        sum(case when movement = 'other' then amount else 0 end) as other_amount,
        sum(amount) as net_amount
    from movements
    group by
        account_id,
        currency,
        business_date

),

incomplete_days as (

    {{ incomplete_days('account') }}

)

select
    by_day.account_id,
    by_day.currency,
    by_day.business_date,
    incomplete_days.account_id is null as is_complete,
    cast(by_day.loaded_at_tills as decimal(18, 4)) as loaded_at_tills,
    cast(by_day.loaded_online as decimal(18, 4)) as loaded_online,
    cast(by_day.used_at_tills as decimal(18, 4)) as used_at_tills,
    cast(by_day.used_online as decimal(18, 4)) as used_online,
    cast(by_day.refunded_amount as decimal(18, 4)) as refunded_amount,
    cast(by_day.other_amount as decimal(18, 4)) as other_amount,
    cast(by_day.net_amount as decimal(18, 4)) as net_amount,
    cast(
        sum(by_day.net_amount) over (
            partition by by_day.account_id, by_day.currency
            order by by_day.business_date asc nulls last
            rows between unbounded preceding and current row
        ) as decimal(18, 4)
    ) as balance,
    cast(stated.balance - coalesce(moved_at_tills.amount, 0) as decimal(18, 4)) as opening_balance
from by_day
left join incomplete_days on {{ is_same_day('by_day', 'incomplete_days', 'account') }}
left join moved_at_tills
    on
        by_day.account_id = moved_at_tills.account_id
        and by_day.currency = moved_at_tills.currency
left join stated
    on
        by_day.account_id = stated.account_id
        and by_day.currency = stated.currency
