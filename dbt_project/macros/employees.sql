{# What reports print of an employee: 0 is nobody, and one that no list names still has a number. #}
{% macro employee_label(employee_id, employee_name) -%}
    case
        when {{ employee_id }} = 0 then 'nobody named'
        else coalesce({{ employee_name }}, concat('unknown employee ', cast({{ employee_id }} as varchar)))
    end
{%- endmacro %}
