{{ config(materialized='table') }}

with orders as (

    {{ every_source('orders') }}

),

stores as (

    select *
    from {{ ref('int_stores') }}

),

zones as (

    select *
    from {{ ref('int_time_zones') }}

),

rules as (

    select *
    from {{ ref('channel_rules') }}

),

links as (

    select *
    from {{ ref('int_location_links') }}

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
        {# an online store keeps its own zone, whichever shop its location is linked to #}
        coalesce(orders.shop_id, 0) as zone_shop_id,
        coalesce(zones.time_zone, 'UTC') as time_zone,
        {{ local_time('orders.completed_at', "coalesce(zones.time_zone, 'UTC')") }} as completed_local_at,
        {{ local_time('orders.paid_at', "coalesce(zones_of_payment.time_zone, 'UTC')") }} as paid_local_at
    from orders
    left join zones
        on
            orders.source = zones.source
            and orders.store_id = zones.store_id
            and coalesce(orders.shop_id, 0) = zones.shop_id
            and {{ holds_at('zones', 'orders.completed_at') }}
    left join zones as zones_of_payment
        on
            orders.source = zones_of_payment.source
            and orders.store_id = zones_of_payment.store_id
            and coalesce(orders.shop_id, 0) = zones_of_payment.shop_id
            and {{ holds_at('zones_of_payment', 'orders.paid_at') }}

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
    coalesce(orders.shop_id, links.shop_id) as shop_id,
    orders.location_id,
    orders.location_name,
    orders.zone_shop_id,
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
left join links
    on
        orders.source = links.source
        and orders.store_id = links.store_id
        and orders.location_id = links.location_id
