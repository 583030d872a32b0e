{{ config(materialized='table') }}

with events as (

    {{ every_source('sales_events') }}

),

orders as (

    select *
    from {{ ref('int_all_orders') }}

),

in_local_time as (

    select
        events.*,
        orders.account_id,
        {{ local_time('events.event_at', "coalesce(zones.time_zone, 'UTC')") }} as event_local_at
    from events
    inner join orders
        on
            events.source = orders.source
            and events.store_id = orders.store_id
            and events.order_id = orders.order_id
    left join {{ ref('int_time_zones') }} as zones
        on
            orders.source = zones.source
            and orders.store_id = zones.store_id
            and orders.zone_shop_id = zones.shop_id
            and {{ holds_at('zones', 'events.event_at') }}

)

select
    in_local_time.*,
    {{ business_date('event_local_at') }} as business_date
from in_local_time
