{# links by a name, a number or an SKU that are not unique: unknown rather than guessed, and told here #}
with links as (

    select
        *,
        concat(location_name, ' (location ', cast(location_id as varchar), ')') as place
    from {{ ref('int_location_links') }}

),

accounts_with_shops as (

    select distinct account_id
    from {{ ref('int_lightspeed__locations') }}

),

{# orders of a location that its store does not list, as of an app that was removed #}
unlisted_locations as (

    select
        orders.source,
        orders.store_id,
        concat(orders.location_name, ' (not listed)') as place,
        '' as candidate_shop_ids
    from {{ ref('int_all_orders') }} as orders
    inner join accounts_with_shops on orders.account_id = accounts_with_shops.account_id
    left join links
        on
            orders.source = links.source
            and orders.store_id = links.store_id
            and orders.location_id = links.location_id
    where
        orders.location_id is not null
        and links.location_id is null
    group by
        orders.source,
        orders.store_id,
        orders.location_name

),

locations_without_a_shop as (

    select
        source,
        store_id as account_id,
        'location' as table_name,
        'online location without a till shop' as issue,
        case
            when candidate_shop_ids = '' then place
            else concat(place, ': shops ', candidate_shop_ids, ' bear its name')
        end as detail,
        1 as row_count
    from (
        select
            source,
            store_id,
            place,
            candidate_shop_ids
        from links
        where
            basis = 'none'
            and is_active

        union all

        select *
        from unlisted_locations
    ) as unlinked

),

{# the one of them that is not archived was taken #}
locations_linked_by_a_shared_name as (

    select
        source,
        store_id as account_id,
        'location' as table_name,
        'online location linked by a name that several shops bear' as issue,
        concat(place, ' is shop ', cast(shop_id as varchar), ' of ', candidate_shop_ids) as detail,
        1 as row_count
    from links
    where
        basis = 'name'
        and is_active
        and candidate_shops > 1

),

locations_of_shops_that_are_gone as (

    select
        source,
        store_id as account_id,
        'location' as table_name,
        'till shop of an online location is archived or gone' as issue,
        concat(place, ': shop ', cast(wanted_shop_id as varchar)) as detail,
        1 as row_count
    from links
    where
        basis = 'name'
        and is_active
        and coalesce(is_shop_gone, true)

),

{# a row of the seed that links nothing: its store or its shop is none #}
links_without_effect as (

    select
        said.source,
        said.store_id as account_id,
        'location_links' as table_name,
        'location link without effect' as issue,
        concat(
            'location ', cast(said.location_id as varchar), ': shop ', coalesce(cast(said.shop_id as varchar), 'none')
        ) as detail,
        1 as row_count
    from {{ ref('own_location_links') }} as said
    left join links
        on
            said.source = links.source
            and said.store_id = links.store_id
            and said.location_id = links.location_id
    where
        links.location_id is null
        or said.shop_id is distinct from links.shop_id

),

{# online goods of an SKU that several items bear are none of them #}
skus_of_several_items as (

    select
        events.source,
        events.store_id as account_id,
        'customer_order' as table_name,
        'SKU of several items' as issue,
        concat(events.sku, ': items ', items.item_ids) as detail,
        count(*) as row_count
    from {{ ref('fct_sales_events') }} as events
    inner join {{ ref('int_items_by_sku') }} as items
        on
            events.account_id = items.account_id
            and events.sku = items.sku
    where
        events.source <> 'lightspeed'
        and events.line_type = 'product'
        and items.item_id is null
    group by
        events.source,
        events.store_id,
        concat(events.sku, ': items ', items.item_ids)

),

{# it is a copy of one of them, and stays out of revenue; the one nearest in time is shown #}
copies_of_a_number_that_several_orders_bear as (

    select
        'lightspeed' as source,
        mirrors.account_id,
        'sale' as table_name,
        'copies a number that several orders bear' as issue,
        concat('sale ', mirrors.order_id, ': ', cast(mirrors.orders_of_number as varchar), ' orders') as detail,
        1 as row_count
    from {{ ref('int_mirrors') }} as mirrors
    where
        mirrors.is_mirror
        and mirrors.orders_of_number > 1

),

final as (

    select *
    from locations_without_a_shop

    union all

    select *
    from locations_linked_by_a_shared_name

    union all

    select *
    from locations_of_shops_that_are_gone

    union all

    select *
    from links_without_effect

    union all

    select *
    from skus_of_several_items

    union all

    select *
    from copies_of_a_number_that_several_orders_bear

)

select * from final
