with readings as (

    select *
    from {{ ref('int_lightspeed__report_readings') }}

),

fits as (

    select *
    from {{ ref('int_lightspeed__report_fits') }}
    where place <= 5

),

{# every row of a measure has them #}
standings as (

    select
        account_id,
        measure,
        max(standing) as standing,
        max(days_compared) as days_compared,
        max(days_matched) as days_matched,
        max(days_agreed) as days_agreed,
        max(days_unexplained) as days_unexplained,
        max(proven_at) as proven_at
    from {{ ref('int_lightspeed__reconciliation') }}
    group by
        account_id,
        measure

),

followed as (

    select
        readings.account_id,
        readings.measure,
        readings.reading,
        true as is_followed,
        coalesce(standings.standing, 'not_reported') as standing,
        coalesce(standings.days_compared, 0) as days_compared,
        coalesce(standings.days_matched, 0) as days_matched,
        coalesce(standings.days_agreed, 0) as days_agreed,
        coalesce(standings.days_unexplained, 0) as days_unexplained,
        standings.proven_at,
        {{ reading_columns('readings') }}
    from readings
    left join standings
        on
            readings.account_id = standings.account_id
            and readings.measure = standings.measure

),

{# on the days that a search looked at #}
tried as (

    select
        fits.account_id,
        fits.measure,
        fits.reading,
        false as is_followed,
        'tried' as standing,
        fits.days_compared,
        fits.days_exact as days_matched,
        fits.days_near as days_agreed,
        fits.days_compared - fits.days_near as days_unexplained,
        cast(null as timestamp with time zone) as proven_at,
        {{ reading_columns('fits') }}
    from fits
    left join readings
        on
            fits.account_id = readings.account_id
            and fits.measure = readings.measure
            and fits.reading = readings.reading
    where readings.reading is null

),

final as (

    select *
    from followed

    union all

    select *
    from tried

)

select
    account_id,
    measure,
    reading,
    is_followed,
    standing,
    cast(days_compared as bigint) as days_compared,
    cast(days_matched as bigint) as days_matched,
    cast(days_agreed as bigint) as days_agreed,
    cast(days_unexplained as bigint) as days_unexplained,
    proven_at,
    amount_key,
    rounding_level,
    rounding_method,
    day_event,
    day_zone,
    kinds
from final
