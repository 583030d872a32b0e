{{ config(materialized='table') }}

{#
    A zone holds from when it was first seen, and the first one seen holds before that as well. The seed's rows replace
    what was seen from its first date to its last; a change that is seen on a later day counts again.
#}
with seen as (

    select
        'lightspeed' as source,
        account_id as store_id,
        shop_id,
        time_zone,
        valid_from
    from {{ ref('int_location_versions') }}
    where time_zone is not null

    union all

    select
        source,
        store_id,
        0 as shop_id,
        time_zone,
        valid_from
    from {{ ref('int_store_versions') }}
    where
        source <> 'lightspeed'
        and time_zone is not null

),

{# an online store is the shop 0 of its own number #}
places as (

    select
        'lightspeed' as source,
        account_id as store_id,
        shop_id
    from {{ ref('int_lightspeed__locations') }}

    union all

    select
        source,
        store_id,
        0 as shop_id
    from {{ ref('int_stores') }}
    where source <> 'lightspeed'

),

corrected as (

    select
        places.source,
        corrections.account_id as store_id,
        corrections.shop_id,
        zones.time_zone,
        corrections.from_date
    from {{ ref('shop_time_zones') }} as corrections
    inner join places
        on
            corrections.account_id = places.store_id
            and corrections.shop_id = places.shop_id
    inner join {{ ref('int_zone_names') }} as zones
        on {{ folded_zone('corrections.time_zone') }} = zones.folded_name

),

bounds as (

    select
        source,
        store_id,
        shop_id,
        min(from_date) as first_date,
        max(from_date) as last_date
    from corrected
    group by
        source,
        store_id,
        shop_id

),

changes as (

    select
        seen.source,
        seen.store_id,
        seen.shop_id,
        seen.time_zone,
        seen.valid_from
    from seen
    left join bounds
        on
            seen.source = bounds.source
            and seen.store_id = bounds.store_id
            and seen.shop_id = bounds.shop_id
    where
        bounds.first_date is null
        or cast({{ local_time('seen.valid_from', 'seen.time_zone') }} as date) < bounds.first_date
        or cast({{ local_time('seen.valid_from', 'seen.time_zone') }} as date) > bounds.last_date

    union all

    select
        source,
        store_id,
        shop_id,
        time_zone,
        {{ utc_time(day_start('from_date'), 'time_zone') }} as valid_from
    from corrected

),

ordered as (

    select
        changes.*,
        lag(time_zone) over (
            partition by source, store_id, shop_id
            order by valid_from asc nulls last
        ) as zone_before
    from changes

),

spans as (

    select
        source,
        store_id,
        shop_id,
        time_zone,
        zone_before,
        valid_from,
        lead(valid_from) over (
            partition by source, store_id, shop_id
            order by valid_from asc nulls last
        ) as next_from
    from ordered
    where zone_before is distinct from time_zone

)

select
    source,
    store_id,
    shop_id,
    time_zone,
    case when zone_before is null then cast('0001-01-01 00:00:00+00' as timestamp with time zone) else valid_from end
        as valid_from,
    coalesce(next_from, cast('9999-12-31 00:00:00+00' as timestamp with time zone)) as valid_to,
    next_from is null as is_current
from spans
