with shops as (

    select
        'lightspeed' as source,
        account_id,
        shop_id,
        'shop' as table_name,
        name,
        time_zone
    from {{ ref('stg_lightspeed__shops') }}
    where not is_deleted

    union all

    select
        source,
        store_id as account_id,
        0 as shop_id,
        case source when 'ecwid' then 'store_profile' else 'shop' end as table_name,
        name,
        time_zone
    from ({{ every_shop() }}) as stores

),

zones_in_use as (

    select *
    from {{ ref('int_time_zones') }}
    where is_current

),

shops_without_a_known_zone as (

    select
        shops.source,
        shops.account_id,
        shops.table_name,
        concat(coalesce(shops.name, 'unnamed'), ': ', coalesce(shops.time_zone, 'none')) as detail,
        in_use.time_zone as zone_in_use
    from shops
    left join {{ ref('int_zone_names') }} as zones on {{ folded_zone('shops.time_zone') }} = zones.folded_name
    left join zones_in_use as in_use
        on
            shops.source = in_use.source
            and shops.account_id = in_use.store_id
            and shops.shop_id = in_use.shop_id
    where zones.time_zone is null

),

{# its days begin and end at other hours than the shop's own #}
shops_in_unknown_zones as (

    select
        source,
        account_id,
        table_name,
        'time zone is not known, read as UTC' as issue,
        detail,
        count(*) as row_count
    from shops_without_a_known_zone
    where zone_in_use is null
    group by
        source,
        account_id,
        table_name,
        detail

),

{# the zone that was known before holds, or the one that the seed says #}
shops_that_keep_their_zone as (

    select
        source,
        account_id,
        table_name,
        'time zone is not known, read as before' as issue,
        detail,
        count(*) as row_count
    from shops_without_a_known_zone
    where zone_in_use is not null
    group by
        source,
        account_id,
        table_name,
        detail

),

{# a row of the seed that changes nothing: its zone or its shop is none #}
corrections_without_effect as (

    select
        'lightspeed' as source,
        corrections.account_id,
        'shop_time_zones' as table_name,
        'correction of a time zone without effect' as issue,
        concat(
            'shop ', cast(corrections.shop_id as varchar), ' from ', cast(corrections.from_date as varchar), ': ',
            corrections.time_zone
        ) as detail,
        count(*) as row_count
    from {{ ref('shop_time_zones') }} as corrections
    left join {{ ref('int_zone_names') }} as zones
        on {{ folded_zone('corrections.time_zone') }} = zones.folded_name
    left join zones_in_use as in_use
        on
            corrections.account_id = in_use.store_id
            and corrections.shop_id = in_use.shop_id
    where
        zones.time_zone is null
        or in_use.store_id is null
    group by
        corrections.account_id,
        concat(
            'shop ', cast(corrections.shop_id as varchar), ' from ', cast(corrections.from_date as varchar), ': ',
            corrections.time_zone
        )

),

accounts_without_a_currency as (

    select
        source,
        store_id as account_id,
        case source when 'lightspeed' then 'account' when 'ecwid' then 'store_profile' else 'shop' end as table_name,
        'currency is not known' as issue,
        'shown as XXX' as detail,
        count(*) as row_count
    from {{ ref('int_stores') }}
    where currency = 'XXX'
    group by
        source,
        store_id

),

clock_ins as (

    select
        account_id,
        employee_id,
        checked_in_at,
        max(checked_out_at) over (
            partition by account_id, employee_id
            order by checked_in_at asc nulls last, employee_hours_id asc nulls last
            rows between unbounded preceding and 1 preceding
        ) as out_before
    from {{ ref('stg_lightspeed__employee_hours') }}
    where
        not is_deleted
        and {{ seconds_between('checked_in_at', 'checked_out_at') }}
        between 0 and 3600 * {{ var('longest_shift_hours') }}

),

{# both count, so that the hours are more than the clock's #}
overlapping_clock_ins as (

    select
        'lightspeed' as source,
        account_id,
        'employee_hours' as table_name,
        'clocked in twice at once' as issue,
        concat('employee ', cast(employee_id as varchar)) as detail,
        count(*) as row_count
    from clock_ins
    where checked_in_at < out_before
    group by
        account_id,
        employee_id

),

forgotten_clock_outs as (

    select
        'lightspeed' as source,
        account_id,
        'employee_hours' as table_name,
        'clock-in of unknown hours' as issue,
        concat('employee ', cast(employee_id as varchar)) as detail,
        sum(forgotten_clock_outs) as row_count
    from {{ ref('int_lightspeed__employee_hours') }}
    group by
        account_id,
        employee_id
    having sum(forgotten_clock_outs) > 0

),

openings as (

    select
        account_id,
        register_id,
        opened_at,
        count(*) as counts
    from {{ ref('stg_lightspeed__register_counts') }}
    group by
        account_id,
        register_id,
        opened_at

),

{# what was paid between its opening and its closing cannot be told from another count's #}
counts_without_an_opening as (

    select
        'lightspeed' as source,
        account_id,
        'register_count' as table_name,
        'count has no opening of its own' as issue,
        concat('register ', cast(register_id as varchar)) as detail,
        sum(counts) as row_count
    from openings
    where
        opened_at is null
        or counts > 1
    group by
        account_id,
        register_id

),

counted_by_half as (

    select
        'lightspeed' as source,
        account_id,
        'register_count_amount' as table_name,
        'counted or calculated amount is missing' as issue,
        concat('payment type ', cast(payment_type_id as varchar)) as detail,
        count(*) as row_count
    from {{ ref('stg_lightspeed__register_count_amounts') }}
    where
        counted_amount is null
        or calculated_amount is null
    group by
        account_id,
        payment_type_id

),

final as (

    select *
    from shops_in_unknown_zones

    union all

    select *
    from shops_that_keep_their_zone

    union all

    select *
    from corrections_without_effect

    union all

    select *
    from accounts_without_a_currency

    union all

    select *
    from overlapping_clock_ins

    union all

    select *
    from forgotten_clock_outs

    union all

    select *
    from counts_without_an_opening

    union all

    select *
    from counted_by_half

)

select * from final
