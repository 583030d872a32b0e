{{ config(materialized='table') }}

with orders as (

    select *
    from {{ ref('int_all_orders') }}
    where
        not is_test
        and not is_deleted

),

{# R5: a return of a mirror's goods that the online store has given back as well copies that refund #}
mirrors as (

    select
        'lightspeed' as source,
        account_id,
        order_id,
        rule,
        is_mirror,
        original_source,
        original_store_id,
        original_order_id
    from {{ ref('int_mirrors') }}

    union all

    select
        'lightspeed' as source,
        account_id,
        order_id,
        'R5' as rule,
        is_mirror,
        original_source,
        original_store_id,
        original_order_id
    from {{ ref('int_whole_store_returns') }}
    where is_mirror

),

{# by one order several tickets may be meant; where they know different buyers, whose it is is not known #}
mirrored as (

    select
        mirrors.original_source,
        mirrors.original_store_id,
        mirrors.original_order_id,
        case when count(distinct orders.customer_id) = 1 then min(orders.customer_id) end as till_customer_id
    from mirrors
    inner join orders
        on
            orders.source = 'lightspeed'
            and mirrors.account_id = orders.account_id
            and mirrors.order_id = orders.order_id
    inner join {{ ref('int_customers') }} as customers
        on
            customers.source = 'lightspeed'
            and orders.store_id = customers.store_id
            and orders.customer_id = customers.customer_id
    where
        mirrors.is_mirror
        and not customers.is_generic
    group by
        mirrors.original_source,
        mirrors.original_store_id,
        mirrors.original_order_id

),

fulfilments as (

    {{ every_source('fulfilments') }}

),

handed_over as (

    select
        source,
        store_id,
        order_id,
        max(fulfilled_at) as fulfilled_at,
        case when count(distinct coalesce(shop_id, 0)) = 1 then min(shop_id) end as shop_id,
        {# two locations may bear one name #}
        case
            when count(distinct concat(coalesce(cast(location_id as varchar), ''), ':', location_name)) > 1
                then 'several locations'
            else min(location_name)
        end as location_name
    from fulfilments
    where status = 'done'
    group by
        source,
        store_id,
        order_id

),

buyers as (

    select *
    from {{ ref('int_customers') }}
    where not is_generic

),

joined as (

    select
        orders.*,
        coalesce(mirrors.is_mirror, false) as is_mirror,
        mirrors.rule as mirror_rule,
        mirrors.original_source,
        mirrors.original_store_id,
        mirrors.original_order_id,
        handed_over.location_name as fulfilment_location,
        handed_over.shop_id as fulfilment_shop_id,
        buyers.customer_id as known_customer_id,
        case when orders.is_handed_over then coalesce(handed_over.fulfilled_at, orders.paid_at) end as recognised_at
    from orders
    left join mirrors
        on
            orders.source = mirrors.source
            and orders.account_id = mirrors.account_id
            and orders.order_id = mirrors.order_id
    left join handed_over
        on
            orders.source = handed_over.source
            and orders.store_id = handed_over.store_id
            and orders.order_id = handed_over.order_id
    left join buyers
        on
            orders.source = buyers.source
            and orders.store_id = buyers.store_id
            and orders.customer_id = buyers.customer_id

),

in_local_time as (

    select
        joined.*,
        {{ local_time('joined.recognised_at', "coalesce(zones.time_zone, 'UTC')") }} as recognised_local_at
    from joined
    left join {{ ref('int_time_zones') }} as zones
        on
            joined.source = zones.source
            and joined.store_id = zones.store_id
            and joined.zone_shop_id = zones.shop_id
            and {{ holds_at('zones', 'joined.recognised_at') }}

),

own_buyers as (

    select
        in_local_time.*,
        case when is_mirror then original_order_id end as copied_order_id,
        case
            when known_customer_id is not null
                then concat(source, ':', cast(store_id as varchar), ':', cast(known_customer_id as varchar))
        end as own_buyer_key
    from in_local_time

)

select
    orders.source,
    orders.account_id,
    orders.store_id,
    orders.store_name,
    orders.order_id,
    orders.order_number,
    orders.order_status,
    orders.channel,
    orders.sub_channel,
    orders.shop_id,
    orders.location_name,
    orders.time_zone,
    orders.currency,
    orders.register_id,
    orders.employee_id,
    orders.known_customer_id as customer_id,
    orders.known_customer_id is not null as is_identified,
    {# an order and its copy are one buyer's: the online store's name for them, else the till's #}
    coalesce(
        originals.own_buyer_key,
        case when not orders.is_mirror then orders.own_buyer_key end,
        case
            when mirrored.till_customer_id is not null
                then concat(
                    'lightspeed:',
                    cast(orders.account_id as varchar),
                    ':',
                    cast(mirrored.till_customer_id as varchar)
                )
        end
    ) as buyer_key,
    orders.reference_number,
    orders.is_mirror,
    orders.mirror_rule,
    orders.original_source as mirror_of_source,
    orders.original_store_id as mirror_of_store_id,
    orders.original_order_id as mirror_of_order_id,
    not orders.is_mirror as include_in_revenue,
    orders.fulfilment_method,
    coalesce(orders.fulfilment_location, 'not handed over yet') as fulfilment_location,
    orders.fulfilment_shop_id,
    orders.header_total,
    orders.tip_amount,
    orders.completed_at,
    orders.completed_local_at,
    orders.business_date,
    orders.paid_at,
    orders.paid_date,
    orders.recognised_at,
    {{ business_date('orders.recognised_local_at') }} as recognised_date
from own_buyers as orders
left join own_buyers as originals
    on
        orders.original_source = originals.source
        and orders.original_store_id = originals.store_id
        and orders.copied_order_id = originals.order_id
left join mirrored
    on
        coalesce(orders.original_source, orders.source) = mirrored.original_source
        and coalesce(orders.original_store_id, orders.store_id) = mirrored.original_store_id
        and coalesce(orders.original_order_id, orders.order_id) = mirrored.original_order_id
