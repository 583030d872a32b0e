{#
    dbt's own source, without the accounts that the models are built without: by vendor, the ids its raw rows bear; under
    tillhouse, the retailers whose published rows are left out. What is written down of runs names every account.
#}
{% macro source(source_name, table_name) -%}
    {% set relation = builtins.source(source_name, table_name) %}
    {% set without = var('without_accounts').get(source_name | replace('raw_', ''), []) %}
    {% if not without or table_name in ['run', 'run_table', 'online_store', 'euro_rate', 'published_finding'] %}
        {{ return(relation) }}
    {% endif %}
    {{ return('(select * from ' ~ relation ~ ' where account_id not in (' ~ without | join(', ') ~ '))') }}
{%- endmacro %}
