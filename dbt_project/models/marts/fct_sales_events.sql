with events as (

    select *
    from {{ ref('int_lightspeed__sales_events') }}

)

select
    source,
    account_id,
    order_id,
    event_id,
    event_type,
    shop_id,
    currency,
    channel,
    sub_channel,
    item_id,
    employee_id,
    discount_id,
    customer_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(gross_amount as decimal(28, 10)) as gross_amount,
    cast(discount_amount as decimal(28, 10)) as discount_amount,
    cast(return_amount as decimal(28, 10)) as return_amount,
    cast(net_amount as decimal(28, 10)) as net_amount,
    cast(tax_amount as decimal(28, 10)) as tax_amount,
    cast(total_amount as decimal(28, 10)) as total_amount,
    cast(cost_amount as decimal(28, 10)) as cost_amount,
    cast(average_cost_amount as decimal(28, 10)) as average_cost_amount,
    cast(fifo_cost_amount as decimal(28, 10)) as fifo_cost_amount,
    event_at,
    event_local_at,
    business_date
from events
