{# The last days that an account has traded, so that an account that rests keeps its queue. #}
{% macro exception_windows() -%}
    select
        account_id,
        cast(max(business_date) - interval '{{ var("exceptions_days") }}' day as date) as before_date
    from {{ ref('fct_orders') }}
    where
        source = 'lightspeed'
        and {{ has_come('business_date') }}
    group by account_id
{%- endmacro %}
