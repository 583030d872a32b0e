{{ config(materialized='table') }}

{#
    Which shop of the tills an online location is: the seed's word, else what was published by a name before, else the
    one shop that bears its name. The store's own name links nothing: an order without a location has no shop.
#}
with online_stores as (

    select *
    from {{ ref('int_stores') }}
    where source <> 'lightspeed'

),

shops as (

    select
        account_id,
        shop_id,
        location_name as shop_name,
        {{ folded_name('location_name') }} as folded_name,
        is_archived or is_deleted as is_gone
    from {{ ref('int_lightspeed__locations') }}
    where is_known

),

accounts_with_shops as (

    select distinct account_id
    from shops

),

current_run as (

    select started_at
    from {{ ref('stg_tillhouse__runs') }}
    where status = 'running'

),

listed as (

    {{ every_online_location() }}

),

told as (

    select *
    from {{ ref('stg_tillhouse__published_location_links') }}

),

said as (

    select *
    from {{ ref('own_location_links') }}

),

all_locations as (

    select
        source,
        store_id,
        location_id
    from listed

    union

    select
        source,
        store_id,
        location_id
    from told

    union

    select
        source,
        store_id,
        location_id
    from said

),

locations as (

    select
        all_locations.source,
        all_locations.store_id,
        all_locations.location_id,
        online_stores.account_id,
        coalesce(listed.location_name, told.location_name) as location_name,
        coalesce(listed.is_active, false) as is_active,
        {{ folded_name('listed.location_name') }} as folded_name,
        {# one location of a name, or one of them that is open #}
        count(*) over (
            partition by
                all_locations.source,
                all_locations.store_id,
                {{ folded_name('listed.location_name') }}
        ) as locations_of_name,
        sum(case when listed.is_active then 1 else 0 end) over (
            partition by
                all_locations.source,
                all_locations.store_id,
                {{ folded_name('listed.location_name') }}
        ) as open_locations_of_name,
        case when told.account_id = online_stores.account_id then told.basis end as told_basis,
        case when told.account_id = online_stores.account_id then told.shop_id end as told_shop_id,
        case when told.account_id = online_stores.account_id then told.since end as told_since,
        said.location_id is not null as is_said,
        said.shop_id as said_shop_id
    from all_locations
    inner join online_stores
        on
            all_locations.source = online_stores.source
            and all_locations.store_id = online_stores.store_id
    inner join accounts_with_shops on online_stores.account_id = accounts_with_shops.account_id
    left join listed
        on
            all_locations.source = listed.source
            and all_locations.store_id = listed.store_id
            and all_locations.location_id = listed.location_id
    left join told
        on
            all_locations.source = told.source
            and all_locations.store_id = told.store_id
            and all_locations.location_id = told.location_id
    left join said
        on
            all_locations.source = said.source
            and all_locations.store_id = said.store_id
            and all_locations.location_id = said.location_id

),

candidates as (

    select
        locations.source,
        locations.store_id,
        locations.location_id,
        sum(case when shops.is_gone then 0 else 1 end) as open_shops,
        min(case when not shops.is_gone then shops.shop_id end) as open_shop_id,
        count(*) as shops,
        {{ texts_of('cast(shops.shop_id as varchar)') }} as candidate_shop_ids
    from locations
    inner join shops
        on
            locations.account_id = shops.account_id
            and locations.folded_name = shops.folded_name
    group by
        locations.source,
        locations.store_id,
        locations.location_id

),

linked as (

    select
        locations.*,
        candidates.shops,
        candidates.candidate_shop_ids,
        case
            when locations.is_said then 'seed'
            when locations.told_basis = 'name' then 'name'
            when
                candidates.open_shops = 1
                and (
                    locations.locations_of_name = 1
                    or (locations.is_active and locations.open_locations_of_name = 1)
                )
                then 'name'
            else 'none'
        end as basis,
        case
            when locations.is_said then locations.said_shop_id
            when locations.told_basis = 'name' then locations.told_shop_id
            when
                candidates.open_shops = 1
                and (
                    locations.locations_of_name = 1
                    or (locations.is_active and locations.open_locations_of_name = 1)
                )
                then candidates.open_shop_id
        end as wanted_shop_id
    from locations
    left join candidates
        on
            locations.source = candidates.source
            and locations.store_id = candidates.store_id
            and locations.location_id = candidates.location_id

)

select
    linked.source,
    linked.store_id,
    linked.location_id,
    coalesce(linked.location_name, concat('unknown location ', cast(linked.location_id as varchar))) as location_name,
    linked.is_active,
    linked.account_id,
    shops.shop_id,
    shops.shop_name,
    shops.is_gone as is_shop_gone,
    linked.wanted_shop_id,
    linked.basis,
    case
        when linked.basis = 'none' then cast(null as timestamp with time zone)
        when linked.told_basis = linked.basis and (linked.told_shop_id is not distinct from shops.shop_id)
            then linked.told_since
        else current_run.started_at
    end as since,
    coalesce(linked.shops, 0) as candidate_shops,
    coalesce(linked.candidate_shop_ids, '') as candidate_shop_ids
from linked
left join shops
    on
        linked.account_id = shops.account_id
        and linked.wanted_shop_id = shops.shop_id
left join current_run on 1 = 1
