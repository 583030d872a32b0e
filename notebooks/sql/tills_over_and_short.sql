-- Which tills are over or short in cash, and by how much?
select
    location_name,
    register_name,
    currency,
    count(*) as closings,
    sum(case when over_short_amount <> 0 then 1 else 0 end) as closings_off,
    sum(case when over_short_amount > 0 then over_short_amount else 0 end) as over_amount,
    sum(case when over_short_amount < 0 then -over_short_amount else 0 end) as short_amount,
    sum(calculation_difference) as changed_since
from register_closings
where payment_kind = 'cash'
group by
    location_name,
    register_name,
    currency
order by
    short_amount desc nulls last,
    location_name asc nulls last,
    register_name asc nulls last
