{{ config(materialized='table') }}

with orders as (

    {{ every_source('orders') }}

),

stores as (

    select *
    from {{ ref('int_stores') }}

),

rules as (

    select *
    from {{ ref('channel_rules') }}

),

shops as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

channel_matches as (

    select
        orders.source,
        orders.store_id,
        orders.order_id,
        rules.channel,
        rules.sub_channel,
        row_number() over (
            partition by orders.source, orders.store_id, orders.order_id
            order by rules.priority asc nulls last, rules.pattern asc nulls last
        ) as place
    from orders
    inner join rules
        on
            orders.source = rules.evidence
            and orders.native_channel like lower(rules.pattern)

),

in_local_time as (

    select
        orders.*,
        case when orders.source <> 'lightspeed' then lower(trim(orders.location_name)) end as online_location,
        {{ local_time('orders.completed_at', "coalesce(orders.time_zone, 'UTC')") }} as completed_local_at,
        {{ local_time('orders.paid_at', "coalesce(orders.time_zone, 'UTC')") }} as paid_local_at
    from orders

)

select
    orders.source,
    stores.account_id,
    orders.store_id,
    stores.store_name,
    orders.order_id,
    orders.order_number,
    orders.order_status,
    orders.is_test,
    coalesce(orders.is_deleted, false) as is_deleted,
    coalesce(orders.channel, channel_matches.channel, 'unknown') as channel,
    coalesce(orders.sub_channel, channel_matches.sub_channel, orders.native_channel, 'unknown') as sub_channel,
    {# a location of an online store is the shop that bears its name #}
    coalesce(orders.shop_id, shops.shop_id) as shop_id,
    orders.location_name,
    orders.time_zone,
    orders.currency,
    orders.register_id,
    orders.employee_id,
    orders.customer_id,
    orders.reference_number,
    orders.fulfilment_method,
    orders.is_handed_over,
    orders.header_total,
    orders.tip_amount,
    orders.completed_at,
    orders.completed_local_at,
    {{ business_date('orders.completed_local_at') }} as business_date,
    orders.paid_at,
    {{ business_date('orders.paid_local_at') }} as paid_date,
    orders.cancelled_at
from in_local_time as orders
inner join stores
    on
        orders.source = stores.source
        and orders.store_id = stores.store_id
left join channel_matches
    on
        orders.source = channel_matches.source
        and orders.store_id = channel_matches.store_id
        and orders.order_id = channel_matches.order_id
        and channel_matches.place = 1
left join shops
    on
        stores.account_id = shops.account_id
        and orders.online_location = lower(trim(shops.location_name))
