{{ config(materialized='table') }}
{# What a measure may mean but for its rounding, numbered within its account, the likeliest first. #}
with searches as (

    select *
    from {{ ref('int_lightspeed__report_searches') }}

),

clocks as (

    select *
    from {{ ref('int_lightspeed__report_clocks') }}

),

amounts as (

    {% for measure in report_measures() %}
        {% set measure_loop = loop %}
        {% for key, label, source, columns, levels in measure['amounts'] if columns | length == 1 %}
            select
                '{{ measure["name"] }}' as measure,
                '{{ key }}' as amount_key,
                {{ loop.index }} as amount_place
            {% if not (measure_loop.last and loop.last) %}union all{% endif %}
        {% endfor %}
    {% endfor %}

),

events as (

    {% for measure in report_measures() %}
        {% set measure_loop = loop %}
        {% for event, words in measure['events'] %}
            select
                '{{ measure["name"] }}' as measure,
                '{{ event }}' as day_event,
                {{ loop.index }} as event_place
            {% if not (measure_loop.last and loop.last) %}union all{% endif %}
        {% endfor %}
    {% endfor %}

),

kinds as (

    {% for measure in report_measures() %}
        {% set measure_loop = loop %}
        {% for kinds, words in report_kinds() if measure['detail'] or kinds == 'each' %}
            select
                '{{ measure["name"] }}' as measure,
                '{{ kinds }}' as kinds,
                {{ loop.index }} as kinds_place
            {% if not (measure_loop.last and loop.last) %}union all{% endif %}
        {% endfor %}
    {% endfor %}

),

final as (

    select
        searches.account_id,
        searches.measure,
        amounts.amount_key,
        clocks.day_event,
        clocks.day_zone,
        kinds.kinds,
        kinds.kinds_place,
        row_number() over (
            partition by searches.account_id
            order by
                searches.measure asc nulls last,
                kinds.kinds_place asc nulls last,
                case when clocks.day_zone = 'shop' then 0 else 1 end asc nulls last,
                events.event_place asc nulls last,
                clocks.day_zone asc nulls last,
                amounts.amount_place asc nulls last
        ) as reading_number
    from searches
    inner join amounts on searches.measure = amounts.measure
    inner join events on searches.measure = events.measure
    inner join kinds on searches.measure = kinds.measure
    inner join clocks
        on
            searches.account_id = clocks.account_id
            and events.day_event = clocks.day_event

)

select * from final
