-- How much money do we hold that is not revenue yet: gift cards, deposits, customers' accounts?
with cards as (

    select
        account_id,
        currency,
        sum(net_amount) + coalesce(max(opening_balance), 0) as amount
    from gift_card_liability
    group by
        account_id,
        currency

),

on_cards as (

    select
        currency,
        sum(amount) as amount
    from cards
    group by currency

),

-- of an account Lightspeed's own word, which knows what was on it before the first sale that is loaded
held as (

    select
        kind,
        currency,
        coalesce(stated_balance, balance) as amount
    from customer_deposits
    where is_latest

),

for_customers as (

    select
        currency,
        sum(case when kind = 'credit account' and amount > 0 then amount else 0 end) as on_accounts,
        sum(case when kind = 'credit account' and amount < 0 then -amount else 0 end) as owed_by_customers,
        sum(case when kind = 'open order' then amount else 0 end) as deposits_on_open_orders
    from held
    group by currency

)

select
    coalesce(on_cards.currency, for_customers.currency) as currency,
    coalesce(on_cards.amount, 0) as on_gift_cards,
    coalesce(for_customers.on_accounts, 0) as on_accounts,
    coalesce(for_customers.owed_by_customers, 0) as owed_by_customers,
    coalesce(for_customers.deposits_on_open_orders, 0) as deposits_on_open_orders
from on_cards
full outer join for_customers on on_cards.currency = for_customers.currency
order by currency asc nulls last
