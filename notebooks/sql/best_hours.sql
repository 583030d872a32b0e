-- At which hour of which weekday do we sell most?
select
    currency,
    dayname(completed_local_at) as weekday_name,
    extract('hour' from completed_local_at) as local_hour,
    sum(transactions) as transactions,
    round(sum(net_amount), 2) as net_sales
from fct_orders
group by
    currency,
    dayname(completed_local_at),
    extract('hour' from completed_local_at)
order by net_sales desc nulls last
limit 20
