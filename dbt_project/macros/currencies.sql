{# The columns of a day in the reporting currency. Net, total and margin are added up from their converted parts, so that
   what holds in the shop's currency holds here to the last digit. *parts* are beside net in the total. #}
{% macro in_reporting_currency(days, rates, parts) -%}
    {{ rates }}.reporting_currency,
    {{ rates }}.exchange_rate,
    {{ rates }}.rate_date as exchange_rate_date,
    {% for measure in ['gross_sales', 'discounts', 'returns', 'cost_of_goods'] + parts %}
        {{ converted(days ~ '.' ~ measure, rates) }} as {{ measure }}_reporting,
    {% endfor %}
    {{ net_converted(days, rates) }} as net_sales_reporting,
    {{ net_converted(days, rates) }}
    {% for part in parts %}
        + {{ converted(days ~ '.' ~ part, rates) }}
    {% endfor %} as total_sales_reporting,
    {{ net_converted(days, rates) }} - {{ converted(days ~ '.cost_of_goods', rates) }} as gross_margin_reporting
{%- endmacro %}


{% macro net_converted(days, rates) -%}
    {{ converted(days ~ '.gross_sales', rates) }} - {{ converted(days ~ '.discounts', rates) }} - {{ converted(days ~ '.returns', rates) }}
{%- endmacro %}


{# Widened first: an engine gives a product the digits of its factors, and a day of ten thousand would not fit. #}
{% macro converted(amount, rates) -%}
    cast(round(cast({{ amount }} as decimal(38, 4)) * {{ rates }}.exchange_rate, 4) as decimal(18, 4))
{%- endmacro %}
