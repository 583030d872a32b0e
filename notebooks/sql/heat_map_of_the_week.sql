-- What does an hour of each weekday bring in a shop, over the hours that it really traded?
with newest as (

    select max(business_date) as newest_date
    from sales_by_hour

),

hours as (

    select
        sales.location_name,
        sales.currency,
        sales.iso_weekday,
        sales.local_hour,
        sum(sales.elapsed_hours) as hours_traded,
        sum(sales.transactions - sales.online_transactions) as transactions,
        sum(sales.net_sales - sales.online_net_sales) as net_sales
    from sales_by_hour as sales
    cross join newest
    where
        sales.is_trading
        and sales.business_date > newest.newest_date - interval 91 day
    group by
        sales.location_name,
        sales.currency,
        sales.iso_weekday,
        sales.local_hour

)

select
    location_name,
    currency,
    iso_weekday,
    local_hour,
    hours_traded,
    round(cast(transactions as double) / nullif(cast(hours_traded as double), 0), 2) as transactions_an_hour,
    round(cast(net_sales as double) / nullif(cast(hours_traded as double), 0), 2) as net_sales_an_hour
from hours
order by
    location_name asc nulls last,
    iso_weekday asc nulls last,
    local_hour asc nulls last
