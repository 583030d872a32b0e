-- Which part of our sales is to people we know, and is their ticket larger?
select
    currency,
    case when is_identified then 'known' else 'walk-in' end as buyer,
    sum(transactions) as transactions,
    sum(net_amount) as net_sales,
    round(sum(net_amount) / nullif(sum(transactions), 0), 2) as average_ticket
from fct_orders
group by
    currency,
    case when is_identified then 'known' else 'walk-in' end
order by
    currency asc nulls last,
    net_sales desc nulls last
