with raw as (

    select *
    from {{ source('raw_shopify', 'fulfilment') }}

),

locations as (

    select *
    from {{ ref('stg_shopify__locations') }}

),

orders as (

    select *
    from {{ ref('stg_shopify__orders') }}

)

select
    'shopify' as source,
    raw.account_id as store_id,
    cast(raw.order_id as varchar) as order_id,
    cast(raw.id as varchar) as fulfilment_id,
    cast(null as bigint) as shop_id,
    raw.location_id,
    locations.name as location_name,
    orders.fulfilment_method as method,
    case when upper(raw.status) = 'SUCCESS' then 'done' else lower(raw.status) end as status,
    raw.created_at as fulfilled_at,
    raw.delivered_at
from raw
left join locations
    on
        raw.account_id = locations.store_id
        and raw.location_id = locations.location_id
left join orders
    on
        raw.account_id = orders.store_id
        and cast(raw.order_id as varchar) = orders.order_id
