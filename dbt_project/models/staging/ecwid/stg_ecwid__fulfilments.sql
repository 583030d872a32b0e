{# the store does not say where goods were sent from; who picks up is told the shop's name #}
with headers as (

    select *
    from {{ ref('stg_ecwid__order_headers') }}
    where fulfilment_status in ('SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'RETURNED')

),

shops as (

    select *
    from {{ ref('stg_ecwid__shops') }}

)

select
    'ecwid' as source,
    headers.store_id,
    cast(headers.order_id as varchar) as order_id,
    cast(headers.order_id as varchar) as fulfilment_id,
    cast(null as bigint) as shop_id,
    cast(null as bigint) as location_id,
    case when headers.is_pickup then coalesce(headers.shipping_method_name, shops.name) else shops.name end
        as location_name,
    {{ fulfilment_method("case when headers.is_pickup then 'pickup' else headers.native_method end") }} as method,
    'done' as status,
    headers.shipped_at as fulfilled_at,
    cast(null as timestamp with time zone) as delivered_at
from headers
left join shops on headers.store_id = shops.store_id
