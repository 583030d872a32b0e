{#
    Every version of a dimension's rows: what was told, closed where tonight says otherwise, and tonight's.

    - *ids* and *facts* are what a version is told apart by. An id that comes or goes is a change. A fact that is not
      known says nothing: it stays what it was, and one that was not known is filled in without a new version.
    - *names* are facts that belong to an id: {name: id}. A name of another id is not kept.
    - A change was when the row's clock modified_at says, if that moved since it was told; else when the run began.
    - The first version is valid from the start of time: it is how we first saw the row, and old sales are to find it.
    - A row that is not there tonight stays as it was: a list that was not read says nothing of what is on it.
#}
{% macro versions_of(dimension, told, keys, ids, facts, names={}) -%}
    {% set tracked = ids + facts + (names | list) %}
    with current_run as (

        select started_at
        from {{ ref('stg_tillhouse__runs') }}
        where status = 'running'

    ),

    told as (

        select *
        from {{ told }}

    ),

    tonight as (

        select
            tonight.*,
            standing.version as told_version,
            standing.valid_from as told_from,
            standing.modified_at as told_modified_at,
            {% for name, id in names.items() %}
                case when standing.{{ id }} = tonight.{{ id }} then standing.{{ name }} end as told_{{ name }},
            {% endfor %}
            {% for fact in facts %}
                standing.{{ fact }} as told_{{ fact }},
            {% endfor %}
            standing.version is not null
            and (
                {% for id in ids %}
                    standing.{{ id }} is distinct from tonight.{{ id }} or
                {% endfor %}
                {% for fact in facts + (names | list) %}
                    coalesce(standing.{{ fact }} <> tonight.{{ fact }}, false) {{ 'or' if not loop.last }}
                {% endfor %}
            ) as is_changed
        from {{ dimension }} as tonight
        left join told as standing
            on
                {% for key in keys %}
                    tonight.{{ key }} = standing.{{ key }} and
                {% endfor %}
                standing.is_current

    ),

    timed as (

        select
            tonight.*,
            case
                when told_version is null then cast('1970-01-01 00:00:00+00' as timestamp with time zone)
                when not is_changed then told_from
                {# nothing is put before what was told #}
                when modified_at > greatest(told_modified_at, told_from) then modified_at
                else greatest(current_run.started_at, told_from)
            end as since
        from tonight
        left join current_run on 1 = 1

    )

    select
        {% for column in keys + ids %}
            {{ column }},
        {% endfor %}
        {% for column in facts + (names | list) %}
            coalesce({{ column }}, told_{{ column }}) as {{ column }},
        {% endfor %}
        modified_at,
        cast(coalesce(told_version, 0) + case when told_version is null or is_changed then 1 else 0 end as bigint)
            as version,
        since as valid_from,
        cast(null as timestamp with time zone) as valid_to,
        true as is_current
    from timed

    union all

    select
        {% for column in keys + tracked %}
            told.{{ column }},
        {% endfor %}
        told.modified_at,
        told.version,
        told.valid_from,
        case when told.is_current then timed.since else told.valid_to end as valid_to,
        told.is_current and timed.told_version is null as is_current
    from told
    left join timed
        on
            {% for key in keys %}
                told.{{ key }} = timed.{{ key }} and
            {% endfor %}
            told.version = timed.told_version
    where
        not told.is_current
        or timed.told_version is null
        or timed.is_changed
{%- endmacro %}
