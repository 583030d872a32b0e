-- What is the average ticket, and how many units at which price are on it, at each location?
select
    location_name,
    currency,
    round(sum(net_sales) / nullif(sum(transactions), 0), 2) as average_ticket,
    round(sum(units_sold) / nullif(sum(transactions), 0), 2) as units_per_transaction,
    round(sum(net_sales) / nullif(sum(units_sold), 0), 2) as average_unit_retail
from revenue_by_location_daily
group by
    location_name,
    currency
order by average_ticket desc nulls last
