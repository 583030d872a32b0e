with events as (

    select *
    from {{ ref('int_sales_events') }}

)

select
    source,
    account_id,
    store_id,
    order_id,
    event_id,
    event_type,
    line_type,
    shop_id,
    location_name,
    currency,
    channel,
    sub_channel,
    item_id,
    sku,
    employee_id,
    discount_id,
    customer_id,
    include_in_revenue,
    return_of_source,
    return_of_store_id,
    return_of_order_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(gross_amount as decimal(28, 10)) as gross_amount,
    cast(discount_amount as decimal(28, 10)) as discount_amount,
    cast(return_amount as decimal(28, 10)) as return_amount,
    cast(net_amount as decimal(28, 10)) as net_amount,
    cast(shipping_amount as decimal(28, 10)) as shipping_amount,
    cast(tax_amount as decimal(28, 10)) as tax_amount,
    cast(total_amount as decimal(28, 10)) as total_amount,
    cast(non_revenue_amount as decimal(28, 10)) as non_revenue_amount,
    cost_source,
    cast(cost_amount as decimal(28, 10)) as cost_amount,
    cast(average_cost_amount as decimal(28, 10)) as average_cost_amount,
    cast(fifo_cost_amount as decimal(28, 10)) as fifo_cost_amount,
    event_at,
    event_local_at,
    business_date
from events
