{# A model's schema is what its folder says, without the target's in front: people query marts.… by that name. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
