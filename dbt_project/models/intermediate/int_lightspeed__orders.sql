with tickets as (

    select *
    from {{ ref('int_lightspeed__tickets') }}

)

select
    source,
    account_id as store_id,
    order_id,
    order_number,
    'completed' as order_status,
    false as is_test,
    false as is_deleted,
    cast(null as varchar) as native_channel,
    channel,
    sub_channel,
    shop_id,
    cast(null as bigint) as location_id,
    location_name,
    currency,
    register_id,
    employee_id,
    customer_id,
    reference_number,
    'in_store' as fulfilment_method,
    true as is_handed_over,
    cast(total_amount as decimal(18, 4)) as header_total,
    cast(tip_amount as decimal(18, 4)) as tip_amount,
    completed_at,
    {# a ticket completes when it is paid in full #}
    completed_at as paid_at,
    cast(null as timestamp with time zone) as cancelled_at
from tickets
