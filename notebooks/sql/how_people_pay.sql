-- How do people pay, and how much goes back to them, the tills' copies of online orders left out?
select
    payment_type_name,
    currency,
    movement,
    count(*) as payments,
    sum(amount) as amount,
    sum(tip_amount) as tips
from fct_payments
where not is_mirror
group by
    payment_type_name,
    currency,
    movement
order by
    currency asc nulls last,
    amount desc nulls last
