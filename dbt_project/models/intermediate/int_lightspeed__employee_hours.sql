with clock_ins as (

    select *
    from {{ ref('stg_lightspeed__employee_hours') }}
    where
        not is_deleted
        and checked_in_at is not null

),

ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

),

zones as (

    select *
    from {{ ref('int_lightspeed__shop_zones') }}

),

{#
    Whoever has not clocked out, or forgot to and did so days later, worked nobody knows how long: such a clock-in counts
    no hours, and is told on the day it began.
#}
in_local_time as (

    select
        clock_ins.account_id,
        coalesce(clock_ins.shop_id, 0) as shop_id,
        coalesce(clock_ins.employee_id, 0) as employee_id,
        clock_ins.checked_in_at,
        clock_ins.checked_out_at,
        clock_ins.loaded_at,
        coalesce(zones.time_zone, 'UTC') as time_zone,
        coalesce(
            {{ seconds_between('clock_ins.checked_in_at', 'clock_ins.checked_out_at') }}
            between 0 and 3600 * {{ var('longest_shift_hours') }},
            false
        ) as has_hours,
        {{ business_date(local_time('clock_ins.checked_in_at', "coalesce(zones.time_zone, 'UTC')")) }}
            as first_date,
        {{ business_date(local_time('clock_ins.checked_out_at', "coalesce(zones.time_zone, 'UTC')")) }}
            as last_date
    from clock_ins
    inner join ready_accounts on clock_ins.account_id = ready_accounts.account_id
    left join zones
        on
            clock_ins.account_id = zones.account_id
            and coalesce(clock_ins.shop_id, 0) = zones.shop_id
            and {{ holds_at('zones', 'clock_ins.checked_in_at') }}

),

{# whole days that a shift may reach beyond the one it began on, with a day to spare at either end #}
offsets as (

    {{ whole_numbers('days_on', -1, (var('longest_shift_hours') | int) // 24 + 3) }}

),

shift_days as (

    select
        in_local_time.*,
        {{ days_after('in_local_time.first_date', 'offsets.days_on') }} as business_date
    from in_local_time
    cross join offsets
    where in_local_time.has_hours

),

{#
    A shift past midnight, or past the cut-over hour, is partly of the one day and partly of the next. A clock that is put
    back over midnight shows a date again after the next has begun: the neighbouring days are looked at too.
#}
counted as (

    select
        account_id,
        shop_id,
        employee_id,
        business_date,
        {{ seconds_between(
            'greatest(checked_in_at, ' ~ utc_time(day_start('business_date'), 'time_zone') ~ ')',
            'least(checked_out_at, ' ~ utc_time(day_start('business_date') ~ " + interval '1' day", 'time_zone') ~ ')'
        ) }} as seconds_worked
    from shift_days
    where business_date <= {{ days_after('last_date', 1) }}

),

parts as (

    select
        account_id,
        shop_id,
        employee_id,
        business_date,
        seconds_worked,
        0 as clock_ins_without_hours,
        0 as forgotten_clock_outs
    from counted
    where seconds_worked > 0

    union all

    select
        account_id,
        shop_id,
        employee_id,
        first_date as business_date,
        0 as seconds_worked,
        1 as clock_ins_without_hours,
        {# whoever is still at work when the table is read has forgotten nothing #}
        case
            when
                checked_out_at is null
                and {{ seconds_between('checked_in_at', 'loaded_at') }} <= 3600 * {{ var('longest_shift_hours') }}
                then 0
            else 1
        end as forgotten_clock_outs
    from in_local_time
    where not has_hours

)

select
    account_id,
    shop_id,
    employee_id,
    business_date,
    cast(sum(seconds_worked) as bigint) as seconds_worked,
    cast(sum(clock_ins_without_hours) as bigint) as clock_ins_without_hours,
    cast(sum(forgotten_clock_outs) as bigint) as forgotten_clock_outs
from parts
group by
    account_id,
    shop_id,
    employee_id,
    business_date
