{{ config(materialized='table') }}
{#
    The second stage of a search: the candidates that come nearest, with every rounding. Each amount of a day may have
    been rounded by up to a cent in each of two taxes, so what is within that is near. Of roundings that come to the
    same so far the finest is followed: on a larger day it leaves the least unexplained.
#}
{% set nearest = 6 %}

with scored as (

    {{ scored_readings(
        ref('int_lightspeed__report_candidate_amounts'),
        ref('int_lightspeed__report_candidates'),
        ref('int_lightspeed__whole_days'),
        'abs(warehouse_amount - source_amount) <= 0.02 + 0.02 * amounts_rounded',
    ) | indent(4) }}

),

{# of what comes to the same everywhere the likeliest #}
different as (

    select
        *,
        {{ reading_standing('days_near', 'days_compared') }} as standing,
        row_number() over (
            partition by account_id, measure, days_compared, days_near, distance
            order by reading_number asc nulls last
        ) as place_among_equals
    from scored

),

placed as (

    select
        *,
        row_number() over (
            partition by account_id, measure
            order by
                standing desc nulls last,
                case when standing > 0 then kinds_place end asc nulls last,
                days_compared - days_near asc nulls last,
                distance asc nulls last,
                reading_number asc nulls last
        ) as place
    from different
    where place_among_equals = 1

),

roundings as (

    {% for measure in report_measures() %}
        {% set measure_loop = loop %}
        {% for key, label, source, columns, levels in measure['amounts'] %}
            {% set amount_loop = loop %}
            {% for level, words in levels %}
                {% set level_loop = loop %}
                {% for method, words in report_roundings()[:3 if levels | length > 1 else 1] %}
                    select
                        '{{ "tax" if key == "each_tax" else key }}' as candidate_key,
                        '{{ key }}' as amount_key,
                        '{{ level }}' as rounding_level,
                        '{{ method }}' as rounding_method,
                        {{ (10 if columns | length > 1 else 0) + 3 * loop.index0 + level_loop.revindex }}
                            as rounding_place
                    {% if not (measure_loop.last and amount_loop.last and level_loop.last and loop.last) %}
                        union all
                    {% endif %}
                {% endfor %}
            {% endfor %}
        {% endfor %}
    {% endfor %}

)

select
    placed.account_id,
    placed.measure,
    row_number() over (
        partition by placed.account_id
        order by placed.measure asc nulls last, placed.place asc nulls last, roundings.rounding_place asc nulls last
    ) as reading_number,
    placed.reading_number as candidate_number,
    cast(floor(placed.distance / (0.2 + 0.02 * placed.days_compared)) as bigint) as candidate_distance,
    placed.kinds_place,
    roundings.rounding_place,
    roundings.amount_key,
    roundings.rounding_level,
    roundings.rounding_method,
    placed.day_event,
    placed.day_zone,
    placed.kinds
from placed
inner join roundings on placed.amount_key = roundings.candidate_key
where placed.place <= {{ nearest }}
