with payments as (

    {{ every_source('payments') }}

),

orders as (

    select *
    from {{ ref('int_all_orders') }}

),

stores as (

    select *
    from {{ ref('int_stores') }}

),

mirrors as (

    select
        'lightspeed' as source,
        account_id,
        order_id
    from {{ ref('int_mirrors') }}
    where is_mirror

),

in_local_time as (

    select
        payments.*,
        stores.account_id,
        orders.business_date as order_date,
        mirrors.order_id is not null as is_mirror,
        {{ local_time('payments.paid_at', "coalesce(zones.time_zone, 'UTC')") }} as paid_local_at
    from payments
    inner join stores
        on
            payments.source = stores.source
            and payments.store_id = stores.store_id
    left join orders
        on
            payments.source = orders.source
            and payments.store_id = orders.store_id
            and payments.order_id = orders.order_id
    left join {{ ref('int_time_zones') }} as zones
        on
            payments.source = zones.source
            and payments.store_id = zones.store_id
            and coalesce(payments.shop_id, 0) = zones.shop_id
            and {{ holds_at('zones', 'payments.paid_at') }}
    left join mirrors
        on
            payments.source = mirrors.source
            and payments.store_id = mirrors.account_id
            and payments.order_id = mirrors.order_id
    where
        not coalesce(orders.is_test, false)
        and not coalesce(orders.is_deleted, false)

)

select
    in_local_time.*,
    {{ business_date('paid_local_at') }} as business_date
from in_local_time
