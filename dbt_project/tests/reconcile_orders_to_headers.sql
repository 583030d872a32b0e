{# every counted ticket's total is the total that its header shows, none is missing and none is there twice #}
with headers as (

    select
        sales.account_id,
        cast(sales.sale_id as varchar) as order_id,
        sales.calc_total
    from {{ ref('stg_lightspeed__sales') }} as sales
    inner join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on sales.account_id = ready_accounts.account_id
    where
        sales.is_completed
        and not coalesce(sales.is_voided, false)
        and not coalesce(sales.is_archived, false)

)

select
    coalesce(headers.account_id, orders.account_id) as account_id,
    coalesce(headers.order_id, orders.order_id) as order_id,
    orders.total_amount as order_amount,
    headers.calc_total as header_amount
from headers
full outer join {{ ref('fct_orders') }} as orders
    on
        headers.account_id = orders.account_id
        and headers.order_id = orders.order_id
where
    headers.calc_total is distinct from orders.total_amount
    or orders.gross_amount - orders.discount_amount - orders.return_amount is distinct from orders.net_amount
    or orders.net_amount + orders.tax_amount is distinct from orders.total_amount
