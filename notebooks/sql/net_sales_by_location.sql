-- What did each location sell last week, and how much of it was left after its cost?
with newest as (

    select max(business_date) as newest_date
    from revenue_by_location_daily

)

select
    revenue.location_name,
    revenue.currency,
    sum(revenue.net_sales) as net_sales,
    sum(revenue.gross_margin) as gross_margin,
    round(100 * sum(revenue.gross_margin) / nullif(sum(revenue.net_sales), 0), 1) as margin_percent
from revenue_by_location_daily as revenue
cross join newest
where revenue.business_date > newest.newest_date - interval 7 day
group by
    revenue.location_name,
    revenue.currency
order by net_sales desc nulls last
