{{ config(materialized='table') }}
{#
    A day is compared once it is over where it is counted, and when the reports were read after the newest copy of what
    happened on it: a report that is older than the sales would seem to disagree. One that a held sale belongs to is not
    whole: what it lacks is not known.
#}
with reporting_accounts as (

    select *
    from {{ ref('int_lightspeed__reporting_accounts') }}

),

clocks as (

    select *
    from {{ ref('int_lightspeed__report_clocks') }}

),

zones as (

    select
        account_id,
        day_zone,
        max(case when day_event = 'begun' then 1 else 0 end) as asks_when_begun
    from clocks
    group by
        account_id,
        day_zone

),

reported_days as (

    select *
    from {{ ref('stg_lightspeed__reported_days') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

shop_zones as (

    select *
    from {{ ref('int_lightspeed__shop_zones') }}

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

moments as (

    select
        account_id,
        coalesce(shop_id, 0) as shop_id,
        'completed' as day_event,
        completed_at as happened_at,
        loaded_at
    from sales
    where completed_at is not null

    union all

    select
        account_id,
        coalesce(shop_id, 0) as shop_id,
        'begun' as day_event,
        created_at as happened_at,
        loaded_at
    from sales
    where created_at is not null

    union all

    select
        payments.account_id,
        coalesce(sales.shop_id, 0) as shop_id,
        'taken' as day_event,
        payments.created_at as happened_at,
        payments.loaded_at
    from {{ ref('stg_lightspeed__sale_payments') }} as payments
    inner join sales
        on
            payments.account_id = sales.account_id
            and payments.sale_id = sales.sale_id
    where payments.created_at is not null

),

dated as (

    select
        moments.account_id,
        moments.shop_id,
        moments.day_event,
        zones.day_zone,
        cast(
            {{ local_time(
                'moments.happened_at',
                "case when zones.day_zone = 'shop' then coalesce(shop_zones.time_zone, 'UTC') else zones.day_zone end",
            ) }} as date
        ) as business_date,
        moments.loaded_at
    from moments
    inner join zones on moments.account_id = zones.account_id
    inner join locations
        on
            moments.account_id = locations.account_id
            and moments.shop_id = locations.shop_id
    left join shop_zones
        on
            moments.account_id = shop_zones.account_id
            and moments.shop_id = shop_zones.shop_id
            and {{ holds_at('shop_zones', 'moments.happened_at') }}
    where
        moments.day_event <> 'begun'
        or zones.asks_when_begun = 1

),

newest_by_event as (

    select
        account_id,
        shop_id,
        day_event,
        day_zone,
        business_date,
        max(loaded_at) as loaded_at
    from dated
    group by
        account_id,
        shop_id,
        day_event,
        day_zone,
        business_date

),

{# what is taken and what completes on a day concerns every report of it; what begins on it only those by beginnings #}
newest_copies as (

    select
        newest_by_event.account_id,
        newest_by_event.shop_id,
        clocks.day_event,
        newest_by_event.day_zone,
        newest_by_event.business_date,
        max(newest_by_event.loaded_at) as loaded_at
    from newest_by_event
    inner join clocks
        on
            newest_by_event.account_id = clocks.account_id
            and newest_by_event.day_zone = clocks.day_zone
    where
        newest_by_event.day_event <> 'begun'
        or clocks.day_event = 'begun'
    group by
        newest_by_event.account_id,
        newest_by_event.shop_id,
        clocks.day_event,
        newest_by_event.day_zone,
        newest_by_event.business_date

),

{# where the clock shows another date than the shop, the held sale is missing on either #}
held_days as (

    select
        incomplete_days.account_id,
        incomplete_days.shop_id,
        zones.day_zone,
        incomplete_days.business_date
    from {{ ref('int_lightspeed__incomplete_days') }} as incomplete_days
    inner join zones on incomplete_days.account_id = zones.account_id

    union

    select
        held_rows.account_id,
        held_rows.shop_id,
        zones.day_zone,
        cast(
            {{ local_time(
                'held_rows.business_at',
                "case when zones.day_zone = 'shop' then coalesce(shop_zones.time_zone, 'UTC') else zones.day_zone end",
            ) }} as date
        ) as business_date
    from {{ ref('int_held_rows') }} as held_rows
    inner join zones on held_rows.account_id = zones.account_id
    left join shop_zones
        on
            held_rows.account_id = shop_zones.account_id
            and held_rows.shop_id = shop_zones.shop_id
            and {{ holds_at('shop_zones', 'held_rows.business_at') }}
    where
        held_rows.source = 'lightspeed'
        and held_rows.is_sale
        and held_rows.business_at is not null

),

final as (

    select
        locations.account_id,
        locations.shop_id,
        locations.location_name,
        clocks.day_event,
        clocks.day_zone,
        reported_days.business_date,
        held_days.account_id is null as is_complete
    from reported_days
    inner join reporting_accounts on reported_days.account_id = reporting_accounts.account_id
    inner join clocks on reported_days.account_id = clocks.account_id
    inner join locations on reported_days.account_id = locations.account_id
    left join shop_zones
        on
            locations.account_id = shop_zones.account_id
            and locations.shop_id = shop_zones.shop_id
            and {{ holds_at('shop_zones', 'reported_days.read_at') }}
    left join newest_copies
        on
            locations.account_id = newest_copies.account_id
            and locations.shop_id = newest_copies.shop_id
            and clocks.day_event = newest_copies.day_event
            and clocks.day_zone = newest_copies.day_zone
            and reported_days.business_date = newest_copies.business_date
    left join held_days
        on
            locations.account_id = held_days.account_id
            and locations.shop_id = held_days.shop_id
            and clocks.day_zone = held_days.day_zone
            and reported_days.business_date = held_days.business_date
    where
        reported_days.business_date
        < cast(
            {{ local_time(
                'reported_days.read_at',
                "case when clocks.day_zone = 'shop' then coalesce(shop_zones.time_zone, 'UTC') else clocks.day_zone end",
            ) }} as date
        )
        and reported_days.loaded_at >= coalesce(newest_copies.loaded_at, reported_days.loaded_at)

)

select * from final
