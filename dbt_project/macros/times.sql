{# The wall clock in a zone at a moment that is kept in UTC. #}
{% macro local_time(moment, zone) -%}
    {{ return(adapter.dispatch('local_time')(moment, zone)) }}
{%- endmacro %}

{% macro default__local_time(moment, zone) -%}
    timezone({{ zone }}, {{ moment }})
{%- endmacro %}


{# Every time zone that the engine knows, in the column time_zone. #}
{% macro known_zones() -%}
    {{ return(adapter.dispatch('known_zones')()) }}
{%- endmacro %}

{% macro default__known_zones() -%}
    select name as time_zone
    from pg_timezone_names()
{%- endmacro %}


{# A zone's name without what people vary in it: case, blanks of any kind and underscores. #}
{% macro folded_zone(zone) -%}
    {{ return(adapter.dispatch('folded_zone')(zone)) }}
{%- endmacro %}

{% macro default__folded_zone(zone) -%}
    lower(regexp_replace({{ zone }}, '[[:space:]\x{00A0}_]', '', 'g'))
{%- endmacro %}


{# Whether a row that is valid for a time, of int_time_zones, holds at a moment. #}
{% macro holds_at(alias, moment) -%}
    {{ moment }} >= {{ alias }}.valid_from
    and {{ moment }} < {{ alias }}.valid_to
{%- endmacro %}


{# The business date of a local time: hours before the cut-over belong to the day before. #}
{% macro business_date(local_moment) -%}
    {{ return(adapter.dispatch('business_date')(local_moment)) }}
{%- endmacro %}

{% macro default__business_date(local_moment) -%}
    cast({{ local_moment }} - interval '{{ var("business_day_cutover_hours") }}' hour as date)
{%- endmacro %}


{# One row a day, in the column date_day, between two columns of a relation of one row; none where either is NULL. #}
{% macro days_between(relation, first_date, last_date) -%}
    {{ return(adapter.dispatch('days_between')(relation, first_date, last_date)) }}
{%- endmacro %}

{% macro default__days_between(relation, first_date, last_date) -%}
    select {{ each_day(first_date, last_date) }} as date_day
    from {{ relation }}
{%- endmacro %}


{# Each day from one date to another, a row each, as a column of a select. #}
{% macro each_day(first_date, last_date) -%}
    {{ return(adapter.dispatch('each_day')(first_date, last_date)) }}
{%- endmacro %}

{% macro default__each_day(first_date, last_date) -%}
    cast(unnest(generate_series({{ first_date }}, {{ last_date }}, interval '1' day)) as date)
{%- endmacro %}


{# Monday is 1, Sunday 7. #}
{% macro iso_weekday(day) -%}
    {{ return(adapter.dispatch('iso_weekday')(day)) }}
{%- endmacro %}

{% macro default__iso_weekday(day) -%}
    cast(extract('isodow' from {{ day }}) as integer)
{%- endmacro %}


{# The year that the ISO week of a day belongs to. #}
{% macro iso_year(day) -%}
    {{ return(adapter.dispatch('iso_year')(day)) }}
{%- endmacro %}

{% macro default__iso_year(day) -%}
    cast(extract('isoyear' from {{ day }}) as integer)
{%- endmacro %}


{# The day that lies so many days after another; before it where the number is negative. #}
{% macro days_after(day, days) -%}
    {{ return(adapter.dispatch('days_after')(day, days)) }}
{%- endmacro %}

{% macro default__days_after(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}


{# How many days a day lies after an earlier one. #}
{% macro days_since(day, earlier) -%}
    {{ return(adapter.dispatch('days_since')(day, earlier)) }}
{%- endmacro %}

{% macro default__days_since(day, earlier) -%}
    cast({{ day }} - {{ earlier }} as integer)
{%- endmacro %}


{#
    Whether a day may be the last one of a window that looks back: a ticket that bears a date to come, as of a till whose
    clock was wrong, must not move the window to where nothing else is. A day more than the run's own is some zone's.
#}
{% macro has_come(day) -%}
    {{ day }} <= (
        select coalesce({{ days_after('cast(max(started_at) as date)', 1) }}, cast('9999-12-31' as date))
        from {{ ref('stg_tillhouse__runs') }}
    )
{%- endmacro %}


{# When a completed sale happened: by its completion, else by the next best clock that it has. #}
{% macro happened_at(sales) -%}
    coalesce({{ sales }}.completed_at, {{ sales }}.modified_at, {{ sales }}.created_at, {{ sales }}.updated_at)
{%- endmacro %}
