-- Who sells how much at the tills, and how much is brought back to them, whoever had sold it?
with employees as (

    select
        account_id,
        employee_id,
        employee_name,
        max(currency) as currency,
        sum(net_sales - mirror_net_sales) as net_amount,
        sum(returns) as return_amount
    from employee_sales_daily
    group by
        account_id,
        employee_id,
        employee_name

),

-- refunds of online orders that were copied into the till: nobody brought anything back there
copied_refunds as (

    select
        account_id,
        coalesce(employee_id, 0) as employee_id,
        sum(return_amount) as return_amount
    from fct_sales_events
    where
        source = 'lightspeed'
        and not include_in_revenue
        and return_of_order_id is null
    group by
        account_id,
        coalesce(employee_id, 0)

),

taken_back as (

    select
        employees.employee_name,
        employees.currency,
        employees.net_amount,
        employees.return_amount - coalesce(copied_refunds.return_amount, 0) as return_amount
    from employees
    left join copied_refunds
        on
            employees.account_id = copied_refunds.account_id
            and employees.employee_id = copied_refunds.employee_id

)

select
    employee_name,
    currency,
    round(net_amount, 2) as net_sales,
    round(return_amount, 2) as returns_taken
from taken_back
where
    net_amount <> 0
    or return_amount <> 0
order by
    currency asc nulls last,
    net_sales desc nulls last
