with orders as (

    select *
    from {{ ref('int_lightspeed__orders') }}

)

select
    source,
    account_id,
    order_id,
    order_number,
    order_kind,
    transactions,
    shop_id,
    location_name,
    time_zone,
    currency,
    channel,
    sub_channel,
    register_id,
    employee_id,
    customer_id,
    is_identified,
    reference_number,
    cast(units_sold as decimal(18, 4)) as units_sold,
    cast(units_returned as decimal(18, 4)) as units_returned,
    cast(gross_amount as decimal(18, 4)) as gross_amount,
    cast(discount_amount as decimal(18, 4)) as discount_amount,
    cast(return_amount as decimal(18, 4)) as return_amount,
    cast(net_amount as decimal(18, 4)) as net_amount,
    cast(tax_amount as decimal(18, 4)) as tax_amount,
    cast(total_amount as decimal(18, 4)) as total_amount,
    cast(cost_amount as decimal(18, 4)) as cost_amount,
    cast(margin_amount as decimal(18, 4)) as margin_amount,
    cast(item_fee_amount as decimal(18, 4)) as item_fee_amount,
    cast(tip_amount as decimal(18, 4)) as tip_amount,
    completed_at,
    completed_local_at,
    business_date
from orders
