with orders as (

    select *
    from {{ source('raw_shopify', 'customer_order') }}

),

looks as (

    select *
    from {{ source('raw_shopify', 'order_look') }}

)

select
    orders.account_id as store_id,
    cast(orders.id as varchar) as order_id,
    min(looks._loaded_at) as missed_at
from orders
inner join looks
    on
        orders.account_id = looks.account_id
        and orders.created_at >= looks.looked_from
        and orders.created_at < looks.looked_to
        and orders._loaded_at < looks._loaded_at
group by
    orders.account_id,
    orders.id
