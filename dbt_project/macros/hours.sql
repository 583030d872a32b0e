{# The moment, kept in UTC, at which a zone's wall clock shows a time; of a time that it shows twice, either. #}
{% macro utc_time(local_moment, zone) -%}
    {{ return(adapter.dispatch('utc_time')(local_moment, zone)) }}
{%- endmacro %}

{% macro default__utc_time(local_moment, zone) -%}
    timezone({{ zone }}, {{ local_moment }})
{%- endmacro %}


{# Whole seconds from one moment to another. #}
{% macro seconds_between(first_moment, last_moment) -%}
    {{ return(adapter.dispatch('seconds_between')(first_moment, last_moment)) }}
{%- endmacro %}

{% macro default__seconds_between(first_moment, last_moment) -%}
    date_diff('second', {{ first_moment }}, {{ last_moment }})
{%- endmacro %}


{# The local time at which a business date begins. #}
{% macro day_start(business_date) -%}
    cast({{ business_date }} as timestamp) + interval '{{ var("business_day_cutover_hours") }}' hour
{%- endmacro %}


{# How many hours a business day has had when the clock shows *local_hour*, as if every day had 24. #}
{% macro hour_of_the_day(local_hour) -%}
    (({{ local_hour }} + 24 - {{ var("business_day_cutover_hours") }}) % 24)
{%- endmacro %}


{# The whole numbers from *first* to *last*, one row each. #}
{% macro whole_numbers(name, first, last) -%}
    {% for number in range(first, last + 1) %}
        select {{ number }} as {{ name }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
{%- endmacro %}


{# The middle value of a group; of an even number of values, the mean of the two in the middle. #}
{% macro median_of(amount) -%}
    {{ return(adapter.dispatch('median_of')(amount)) }}
{%- endmacro %}

{% macro default__median_of(amount) -%}
    median({{ amount }})
{%- endmacro %}


{# A span of time as people say it; NULL of NULL. #}
{% macro spoken_time(seconds) -%}
    case
        when {{ seconds }} is null then null
        when {{ seconds }} < 120 * 60 then concat(cast(floor({{ seconds }} / 60.0) as integer), ' minutes')
        when {{ seconds }} < 72 * 3600 then concat(cast(floor({{ seconds }} / 3600.0) as integer), ' hours')
        else concat(cast(floor({{ seconds }} / 86400.0) as integer), ' days')
    end
{%- endmacro %}


{# The time that a clock shows, such as 01:30. #}
{% macro clock_text(local_moment) -%}
    substr(cast({{ local_moment }} as varchar), 12, 5)
{%- endmacro %}
