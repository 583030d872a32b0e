{# what the comparison with Lightspeed's own reports leaves in doubt #}
with readings as (

    select *
    from {{ ref('int_lightspeed__report_readings') }}

),

fits as (

    select *
    from {{ ref('int_lightspeed__report_fits') }}

),

reconciliation as (

    select *
    from {{ ref('int_lightspeed__reconciliation') }}

),

standings as (

    select
        account_id,
        measure,
        max(standing) as standing,
        max(days_compared) as days_compared,
        max(days_agreed) as days_agreed
    from reconciliation
    group by
        account_id,
        measure

),

{# how near each came #}
attempts as (

    select
        account_id,
        measure,
        {{ listed(
            "concat(reading, ' (', cast(days_near as varchar), ' of ', cast(days_compared as varchar), ')')",
            ' | ',
            'place',
        ) }} as tried
    from fits
    where place <= 3
    group by
        account_id,
        measure

),

unproven as (

    select
        'lightspeed' as source,
        standings.account_id,
        'report' as table_name,
        'reading of a report is not proven' as issue,
        concat(
            standings.measure,
            ' is ',
            replace(standings.standing, '_', ' '),
            coalesce(concat('; shop-days that agree by the nearest: ', attempts.tried), '')
        ) as detail,
        standings.days_compared - standings.days_agreed as row_count
    from standings
    left join attempts
        on
            standings.account_id = attempts.account_id
            and standings.measure = attempts.measure
    where standings.standing in ('likely', 'not_proven')

),

not_reported as (

    select
        'lightspeed' as source,
        account_id,
        'report' as table_name,
        'not compared with its own reports' as issue,
        concat(measure, ' is not reported') as detail,
        count(*) as row_count
    from reconciliation
    where status = 'not_reported'
    group by
        account_id,
        measure

),

fits_better as (

    select
        'lightspeed' as source,
        readings.account_id,
        'report' as table_name,
        'another reading fits better than the proven one' as issue,
        concat(
            readings.measure, ': ', fits.reading, ' (', cast(fits.days_near as varchar), ' of ',
            cast(fits.days_compared as varchar), ' shop-days) instead of ', readings.reading
        ) as detail,
        fits.days_near as row_count
    from readings
    inner join standings
        on
            readings.account_id = standings.account_id
            and readings.measure = standings.measure
    inner join fits
        on
            readings.account_id = fits.account_id
            and readings.measure = fits.measure
    where
        readings.proven_at is not null
        and fits.place = 1
        and fits.reading <> readings.reading
        and fits.days_near * standings.days_compared > standings.days_agreed * fits.days_compared

),

differences as (

    select
        *,
        row_number() over (
            partition by account_id, shop_id, business_date
            order by
                abs(difference) desc nulls last,
                measure asc nulls last,
                detail_id asc nulls last
        ) as place,
        count(*) over (partition by account_id, shop_id, business_date) as differences_of_day
    from reconciliation
    where status = 'unexplained'

),

{# a shop's day with its largest difference #}
unexplained as (

    select
        'lightspeed' as source,
        account_id,
        'report' as table_name,
        'differs from its own reports' as issue,
        concat(
            'shop ', cast(shop_id as varchar), ', ', cast(business_date as varchar), ': ', measure,
            coalesce(concat(' (', detail, ')'), ''),
            ' is ', cast(cast(warehouse_amount as decimal(18, 2)) as varchar),
            ' here and ', cast(cast(source_amount as decimal(18, 2)) as varchar), ' by Lightspeed'
        ) as detail,
        differences_of_day as row_count
    from differences
    where place = 1

),

{# a token that does not see a shop brings its reports and none of its sales #}
shops_not_read as (

    select
        'lightspeed' as source,
        totals.account_id,
        'report' as table_name,
        'shop of a report is not known' as issue,
        concat('shop ', cast(totals.shop_id as varchar)) as detail,
        count(distinct totals.business_date) as row_count
    from {{ ref('int_lightspeed__report_totals') }} as totals
    left join {{ ref('int_lightspeed__locations') }} as locations
        on
            totals.account_id = locations.account_id
            and totals.shop_id = locations.shop_id
    where
        totals.kinds = 'each'
        and totals.amount <> 0
        and locations.shop_id is null
    group by
        totals.account_id,
        totals.shop_id

),

counts as (

    select
        'lightspeed' as source,
        account_id,
        'report' as table_name,
        'differs from its own reports' as issue,
        concat(
            'count of sales until ', cast(last_date as varchar), ' is ', cast(counted_here as varchar),
            ' here and ', cast(counted_by_lightspeed as varchar), ' by Lightspeed'
        ) as detail,
        cast(1 as bigint) as row_count
    from {{ ref('int_lightspeed__counted_windows') }}
    where status = 'unexplained'

),

final as (

    select *
    from unproven

    union all

    select *
    from not_reported

    union all

    select *
    from fits_better

    union all

    select *
    from unexplained

    union all

    select *
    from shops_not_read

    union all

    select *
    from counts

)

select
    source,
    account_id,
    table_name,
    issue,
    detail,
    cast(row_count as bigint) as row_count
from final
