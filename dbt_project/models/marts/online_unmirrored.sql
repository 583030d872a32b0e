{# only where a store's orders do come to the till: one that is never pushed lacks nothing #}
with orders as (

    select *
    from {{ ref('fct_orders') }}
    where source <> 'lightspeed'

),

mirrors as (

    select *
    from {{ ref('int_mirrors') }}

),

pushed_stores as (

    select distinct
        original_source,
        original_store_id
    from mirrors
    where is_mirror

),

pushed_orders as (

    select distinct
        original_source,
        original_store_id,
        original_order_id
    from mirrors

)

select
    orders.source,
    orders.account_id,
    orders.store_id,
    orders.order_id,
    orders.order_number,
    orders.order_status,
    orders.business_date,
    orders.currency,
    orders.total_amount
from orders
inner join pushed_stores
    on
        orders.source = pushed_stores.original_source
        and orders.store_id = pushed_stores.original_store_id
left join pushed_orders
    on
        orders.source = pushed_orders.original_source
        and orders.store_id = pushed_orders.original_store_id
        and orders.order_id = pushed_orders.original_order_id
where pushed_orders.original_order_id is null
