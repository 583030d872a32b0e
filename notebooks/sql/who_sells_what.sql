-- Who sells how much, and what share of it comes back?
select
    employees.employee_name,
    events.currency,
    round(sum(events.net_amount), 2) as net_sales,
    round(sum(events.return_amount), 2) as returned,
    round(100 * sum(events.return_amount) / nullif(sum(events.gross_amount), 0), 1) as returned_percent
from fct_sales_events as events
left join dim_employees as employees
    on
        events.account_id = employees.account_id
        and events.employee_id = employees.employee_id
where events.event_type in ('sale', 'return')
group by
    employees.employee_name,
    events.currency
order by net_sales desc nulls last
