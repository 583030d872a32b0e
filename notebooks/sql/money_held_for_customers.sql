-- How much money do we hold that is not revenue yet: gift cards, deposits, customers' accounts?
select
    currency,
    sum(case when movement in ('gift_card_load', 'gift_card_use') then -amount else 0 end) as on_gift_cards,
    sum(case when movement in ('account_deposit', 'account_charge') then -amount else 0 end) as on_accounts,
    sum(case when movement = 'deposit' then amount else 0 end) as deposits_on_open_orders
from fct_payments
group by currency
order by currency asc nulls last
