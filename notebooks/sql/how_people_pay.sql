-- How do people pay, and how much goes back to them?
select
    payment_type_name,
    currency,
    movement,
    count(*) as payments,
    sum(amount) as amount,
    sum(tip_amount) as tips
from fct_payments
group by
    payment_type_name,
    currency,
    movement
order by
    currency asc nulls last,
    amount desc nulls last
