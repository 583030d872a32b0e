-- How does one get from gross sales to the total that the till shows, month by month?
select
    currency,
    date_trunc('month', business_date) as month_start_date,
    sum(gross_sales) as gross_sales,
    sum(discounts) as discounts,
    sum(returns) as returns,
    sum(net_sales) as net_sales,
    sum(tax) as tax,
    sum(total_sales) as total_sales
from revenue_by_location_daily
group by
    currency,
    date_trunc('month', business_date)
order by
    currency asc nulls last,
    month_start_date asc nulls last
