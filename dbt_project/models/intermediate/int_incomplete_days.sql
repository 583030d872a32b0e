{{ config(materialized='table') }}

{# a day that a held order belongs to is not whole, accepted or not: what it lacks is not known #}
with held_orders as (

    select *
    from {{ ref('int_held_rows') }}
    where
        is_sale
        and business_date is not null

),

shops as (

    select
        'lightspeed' as source,
        locations.account_id as store_id,
        locations.shop_id,
        locations.account_id,
        locations.location_name,
        locations.time_zone,
        locations.currency
    from {{ ref('int_lightspeed__locations') }} as locations
    inner join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on locations.account_id = ready_accounts.account_id

    union all

    {# an online store is the shop 0 of its own number, whichever shop its order would have been of #}
    select
        source,
        store_id,
        0 as shop_id,
        account_id,
        store_name as location_name,
        time_zone,
        currency
    from {{ ref('int_stores') }}
    where source <> 'lightspeed'

)

select
    held_orders.source,
    shops.account_id,
    held_orders.store_id,
    shops.shop_id,
    shops.location_name,
    shops.time_zone,
    shops.currency,
    held_orders.business_date,
    min(held_orders.local_hour) as local_hour,
    count(*) as held_orders
from held_orders
inner join shops
    on
        held_orders.source = shops.source
        and held_orders.store_id = shops.store_id
        and case when held_orders.source = 'lightspeed' then held_orders.shop_id else 0 end = shops.shop_id
group by
    held_orders.source,
    shops.account_id,
    held_orders.store_id,
    shops.shop_id,
    shops.location_name,
    shops.time_zone,
    shops.currency,
    held_orders.business_date
