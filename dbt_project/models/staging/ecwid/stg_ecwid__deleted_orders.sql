with orders as (

    select *
    from {{ source('raw_ecwid', 'customer_order') }}

),

looks as (

    select *
    from {{ source('raw_ecwid', 'order_look') }}

)

select
    orders.account_id as store_id,
    cast(orders.internal_id as varchar) as order_id,
    min(looks._loaded_at) as missed_at
from orders
inner join looks
    on
        orders.account_id = looks.account_id
        and orders.create_date >= looks.looked_from
        and orders.create_date < looks.looked_to
        and orders._loaded_at < looks._loaded_at
group by
    orders.account_id,
    orders.internal_id
