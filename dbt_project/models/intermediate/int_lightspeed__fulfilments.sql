{# goods of a completed ticket are in the buyer's hands #}
with tickets as (

    select *
    from {{ ref('int_lightspeed__tickets') }}

)

select
    source,
    account_id as store_id,
    order_id,
    order_id as fulfilment_id,
    shop_id,
    cast(null as bigint) as location_id,
    location_name,
    'in_store' as method,
    'done' as status,
    completed_at as fulfilled_at,
    completed_at as delivered_at
from tickets
