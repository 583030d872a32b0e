-- Who sells how much at the tills, and how much is brought back to them, whoever had sold it?
select
    employee_name,
    currency,
    round(sum(net_sales), 2) as net_sales,
    round(sum(returns), 2) as returns_taken
from employee_sales_daily
where
    net_sales <> 0
    or returns <> 0
group by
    account_id,
    employee_id,
    employee_name,
    currency
order by
    currency asc nulls last,
    net_sales desc nulls last
