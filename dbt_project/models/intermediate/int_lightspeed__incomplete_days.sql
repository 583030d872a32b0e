select
    account_id,
    shop_id,
    location_name,
    time_zone,
    currency,
    business_date,
    held_orders as held_sales
from {{ ref('int_incomplete_days') }}
where source = 'lightspeed'
