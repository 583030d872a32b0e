{{ config(materialized='table') }}

{# a store whose first reading is not complete is withheld, as an account is: a part of it would pass for the whole #}
with complete_stores as (

    select
        'shopify' as source,
        store_id
    from {{ ref('stg_shopify__complete_reads') }}
    where table_name in ('shop', 'location', 'customer_order')
    group by store_id
    having count(distinct table_name) = 3

    union all

    select
        'ecwid' as source,
        store_id
    from {{ ref('stg_ecwid__complete_reads') }}
    where table_name in ('store_profile', 'customer_order')
    group by store_id
    having count(distinct table_name) = 2

),

shops as (

    {{ every_shop() }}

),

links as (

    select *
    from {{ ref('stg_tillhouse__online_stores') }}

),

online as (

    select
        shops.source,
        shops.store_id,
        shops.name as store_name,
        {# a store that belongs to no Lightspeed account is a retailer of its own #}
        coalesce(links.account_id, shops.store_id) as account_id,
        zones.time_zone,
        coalesce(shops.currency, 'XXX') as currency
    from shops
    inner join complete_stores
        on
            shops.source = complete_stores.source
            and shops.store_id = complete_stores.store_id
    left join {{ ref('int_zone_names') }} as zones on {{ folded_zone('shops.time_zone') }} = zones.folded_name
    left join links
        on
            shops.source = links.source
            and shops.store_id = links.store_id

),

tills as (

    select
        'lightspeed' as source,
        accounts.account_id as store_id,
        accounts.name as store_name,
        accounts.account_id,
        cast(null as varchar) as time_zone,
        coalesce({{ json_text('accounts.currency_json', '$.code') }}, 'XXX') as currency
    from {{ ref('stg_lightspeed__accounts') }} as accounts
    inner join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on accounts.account_id = ready_accounts.account_id

)

select *
from tills

union all

select *
from online
