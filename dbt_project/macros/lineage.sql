{# The marts that read a raw table, however far down, as (source, table, marts) of every vendor's tables. #}
{% macro marts_of_raw_tables() -%}
    {# there is no graph while the project is parsed, nor in a unit test #}
    {% if not execute or graph.nodes is not defined %}{{ return([]) }}{% endif %}
    {% set found = {} %}
    {% for mart in graph.nodes.values() if mart.resource_type == 'model' and mart.schema == 'marts' %}
        {# these say what happened, not what was sold #}
        {% if mart.name not in ['data_quality', 'pipeline_runs', 'pipeline_run_tables', 'restatements'] %}
            {% for source in sources_of(mart.unique_id) %}
                {% do found.setdefault(source, []).append(mart.name) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {% set rows = [] %}
    {% for source in graph.sources.values() if source.unique_id in found %}
        {% do rows.append((source.schema | replace('raw_', ''), source.name, found[source.unique_id] | sort | join(', '))) %}
    {% endfor %}
    {{ return(rows) }}
{%- endmacro %}


{# Every source above a node. #}
{% macro sources_of(unique_id) -%}
    {% set seen = [unique_id] %}
    {# a loop over a list that grows: jinja has no while #}
    {% for above in seen if above in graph.nodes %}
        {% for parent in graph.nodes[above].depends_on.nodes if parent not in seen %}
            {% do seen.append(parent) %}
        {% endfor %}
    {% endfor %}
    {{ return(seen | select('in', graph.sources) | list) }}
{%- endmacro %}
