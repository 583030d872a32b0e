{{ config(materialized='table') }}

with shops as (

    select *
    from {{ ref('stg_lightspeed__shops') }}

),

accounts as (

    select *
    from {{ ref('stg_lightspeed__accounts') }}

),

{# a sale of a shop that no list names still happened somewhere #}
shops_sold_in as (

    select distinct
        account_id,
        coalesce(shop_id, 0) as shop_id
    from {{ ref('stg_lightspeed__sales') }}

),

known_or_sold_in as (

    select
        coalesce(shops.account_id, shops_sold_in.account_id) as account_id,
        coalesce(shops.shop_id, shops_sold_in.shop_id) as shop_id,
        shops.shop_id is not null as is_known,
        coalesce(shops.name, concat('unknown shop ', cast(shops_sold_in.shop_id as varchar))) as location_name,
        zones.time_zone,
        nullif(shops.price_level_id, 0) as price_level_id,
        shops.modified_at,
        coalesce(shops.is_archived, false) as is_archived,
        coalesce(shops.is_deleted, false) as is_deleted
    from shops
    full outer join shops_sold_in
        on
            shops.account_id = shops_sold_in.account_id
            and shops.shop_id = shops_sold_in.shop_id
    left join {{ ref('int_zone_names') }} as zones on {{ folded_zone('shops.time_zone') }} = zones.folded_name

),

final as (

    select
        known_or_sold_in.*,
        accounts.name as account_name,
        coalesce({{ json_text('accounts.currency_json', '$.code') }}, 'XXX') as currency
    from known_or_sold_in
    left join accounts on known_or_sold_in.account_id = accounts.account_id

)

select * from final
