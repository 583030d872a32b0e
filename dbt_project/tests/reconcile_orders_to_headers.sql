{# every counted ticket's total is the total that its header shows, none is missing and none is there twice #}
with headers as (

    select
        sales.account_id,
        sales.shop_id,
        cast(sales.sale_id as varchar) as order_id,
        sales.calc_total
    from {{ ref('stg_lightspeed__sales') }} as sales
    inner join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on sales.account_id = ready_accounts.account_id
    where
        sales.is_completed
        and not coalesce(sales.is_voided, false)
        and not coalesce(sales.is_archived, false)

),

tickets as (

    select
        store_id,
        shop_id,
        business_date,
        order_id,
        total_amount
    from {{ ref('fct_orders') }}
    where source = 'lightspeed'

)

select
    coalesce(headers.account_id, tickets.store_id) as account_id,
    coalesce(headers.shop_id, tickets.shop_id) as shop_id,
    tickets.business_date,
    coalesce(headers.order_id, tickets.order_id) as order_id,
    tickets.total_amount as order_amount,
    headers.calc_total as header_amount
from headers
full outer join tickets
    on
        headers.account_id = tickets.store_id
        and headers.order_id = tickets.order_id
where headers.calc_total is distinct from tickets.total_amount
