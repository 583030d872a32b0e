{# The fiscal calendar that the variables of dbt_project.yml describe; one that makes no sense stops the build. #}
{% macro fiscal_calendar() -%}
    {{ return({
        'pattern': one_of('fiscal_pattern', ['4-5-4', '4-4-5', '5-4-4']),
        'ends_in_month': one_of('fiscal_year_ends_in_month', range(1, 13) | list),
        'year_end': one_of('fiscal_year_end', ['nearest', 'last']),
        'week_starts_on': one_of('fiscal_week_starts_on', weekdays()),
        'named_by': one_of('fiscal_year_named_by', ['start', 'end']),
    }) }}
{%- endmacro %}


{# A variable that has to be one of a few values. #}
{% macro one_of(name, values) -%}
    {% if var(name) not in values %}
        {{ exceptions.raise_compiler_error(
            'the variable ' ~ name ~ ' is ' ~ var(name) ~ ', and can be ' ~ values | join(', ')
        ) }}
    {% endif %}
    {{ return(var(name)) }}
{%- endmacro %}


{# A variable that lists some of a few values. #}
{% macro some_of(name, values) -%}
    {% for value in var(name) if value not in values %}
        {{ exceptions.raise_compiler_error(
            'the variable ' ~ name ~ ' lists ' ~ value ~ ', and can list ' ~ values | join(', ')
        ) }}
    {% endfor %}
    {{ return(var(name)) }}
{%- endmacro %}


{% macro weekdays() -%}
    {{ return(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']) }}
{%- endmacro %}


{% macro month_names() -%}
    {{ return([
        'January', 'February', 'March', 'April', 'May', 'June',
        'July', 'August', 'September', 'October', 'November', 'December',
    ]) }}
{%- endmacro %}


{# The whole part of a quotient of two whole numbers that are not negative. #}
{% macro whole_quotient(number, divisor) -%}
    cast(floor(cast({{ number }} as double) / {{ divisor }}) as integer)
{%- endmacro %}


{#
    The fiscal columns of each day of a relation, which names it date_day.

    A fiscal year ends on the last weekday of its kind in the month (last), or on the one nearest to the month's last
    day (nearest: up to three days into the next month). So the next one starts on the last first-day-of-the-week that
    is not later than the first of the next month, or than three days after that.
#}
{% macro fiscal_days(days, calendar=none) -%}
    {% set calendar = calendar or fiscal_calendar() %}
    {% set first_month = calendar['ends_in_month'] % 12 + 1 %}
    {% set latest_first_day = 3 if calendar['year_end'] == 'nearest' else 0 %}
    {% set first_weekday = weekdays().index(calendar['week_starts_on']) + 1 %}
    {% set named_ahead = 1 if calendar['named_by'] == 'end' and first_month > 1 else 0 %}
    {% set weeks = calendar['pattern'].split('-') | map('int') | list %}
    {% set first_of_month = "cast(concat(cast(year_number as varchar), '-" ~ '%02d' % first_month ~ "-01') as date)" %}
    with shifts as (

        {% for shift in range(-2, 3) %}
            select {{ shift }} as shift
            {% if not loop.last %}union all{% endif %}
        {% endfor %}

    ),

    {# each day's year, two before it and two behind it #}
    year_numbers as (

        select distinct cast(extract(year from days.date_day) as integer) + shifts.shift as year_number
        from {{ days }} as days
        cross join shifts

    ),

    latest_starts as (

        select
            year_number,
            {{ days_after(first_of_month, latest_first_day) }} as latest_start
        from year_numbers

    ),

    starts as (

        select
            year_number,
            {{ days_after(
                'latest_start', '-mod(' ~ iso_weekday('latest_start') ~ ' + ' ~ (7 - first_weekday) ~ ', 7)'
            ) }} as start_date
        from latest_starts

    ),

    fiscal_years as (

        select
            year_number,
            year_number + {{ named_ahead }} as fiscal_year,
            start_date,
            lead(start_date) over (order by year_number asc nulls last) as next_start_date,
            lag(start_date) over (order by year_number asc nulls last) as last_start_date
        from starts

    ),

    {# a fiscal year begins in the calendar year of its day, or in one beside it #}
    candidates as (

        select
            days.date_day,
            cast(extract(year from days.date_day) as integer) + shifts.shift as year_number
        from {{ days }} as days
        cross join shifts
        where shifts.shift between -1 and 1

    ),

    placed as (

        select
            candidates.date_day,
            fiscal_years.fiscal_year,
            fiscal_years.start_date,
            fiscal_years.next_start_date,
            fiscal_years.last_start_date,
            {{ days_since('candidates.date_day', 'fiscal_years.start_date') }} as days_before,
            {{ whole_quotient(days_since('fiscal_years.next_start_date', 'fiscal_years.start_date'), 7) }}
                as weeks_in_fiscal_year
        from candidates
        inner join fiscal_years on candidates.year_number = fiscal_years.year_number
        where
            candidates.date_day >= fiscal_years.start_date
            and candidates.date_day < fiscal_years.next_start_date

    ),

    in_weeks as (

        select
            placed.*,
            {{ whole_quotient('days_before', 7) }} + 1 as fiscal_week,
            {# week 53 belongs to the last quarter #}
            least({{ whole_quotient('days_before', 91) }} + 1, 4) as fiscal_quarter
        from placed

    ),

    in_periods as (

        select
            in_weeks.*,
            3 * fiscal_quarter - case
                when fiscal_week <= 13 * (fiscal_quarter - 1) + {{ weeks[0] }} then 2
                when fiscal_week <= 13 * (fiscal_quarter - 1) + {{ weeks[0] + weeks[1] }} then 1
                else 0
            end as fiscal_period
        from in_weeks

    )

    select
        date_day,
        fiscal_year,
        fiscal_quarter,
        fiscal_period,
        case fiscal_period
            {% for period in range(1, 13) %}
                when {{ period }} then '{{ month_names()[(first_month + period - 2) % 12] }}'
            {% endfor %}
        end as fiscal_period_name,
        fiscal_week,
        days_before - 7 * (fiscal_week - 1) + 1 as day_of_fiscal_week,
        {{ days_after('start_date', '7 * (fiscal_week - 1)') }} as fiscal_week_start_date,
        {{ days_after('start_date', '7 * fiscal_week - 1') }} as fiscal_week_end_date,
        start_date as fiscal_year_start_date,
        {{ days_after('next_start_date', -1) }} as fiscal_year_end_date,
        last_start_date as last_fiscal_year_start_date,
        weeks_in_fiscal_year,
        fiscal_week = 53 as is_week_53,
        {# after a year of 53 weeks each of them moves back by one, so that a week is held against 52 weeks before #}
        case when fiscal_week <= 52 then {{ days_after('date_day', -364) }} end as comp_date_restated,
        case
            when days_before < {{ days_since('start_date', 'last_start_date') }}
                then {{ days_after('last_start_date', 'days_before') }}
        end as comp_date_fiscal,
        {# a leap day has no day to be held against #}
        case
            when extract(month from date_day) <> 2 or extract(day from date_day) <> 29
                then cast(date_day - interval '1' year as date)
        end as comp_date_calendar
    from in_periods
{%- endmacro %}
