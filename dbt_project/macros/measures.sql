{# What a day of a shop is measured by, and the column of fct_orders that it sums. #}
{% macro daily_measures() -%}
    {{ return({
        'transactions': 'transactions',
        'units_sold': 'units_sold',
        'units_returned': 'units_returned',
        'gross_sales': 'gross_amount',
        'discounts': 'discount_amount',
        'returns': 'return_amount',
        'net_sales': 'net_amount',
        'tax': 'tax_amount',
        'total_sales': 'total_amount',
        'cost_of_goods': 'cost_amount',
        'gross_margin': 'margin_amount',
        'item_fees': 'item_fee_amount',
        'tips': 'tip_amount',
    }) }}
{%- endmacro %}


{# What events of revenue are measured by, whatever they are grouped by. #}
{% macro revenue_measures() -%}
    {{ return([
        'units_sold',
        'units_returned',
        'gross_sales',
        'discounts',
        'returns',
        'net_sales',
        'shipping_sales',
        'tax',
        'total_sales',
        'cost_of_goods',
        'gross_margin',
    ]) }}
{%- endmacro %}


{# Texts of a group as one, in their own order. #}
{% macro joined(text) -%}
    {{ return(adapter.dispatch('joined')(text)) }}
{%- endmacro %}

{% macro default__joined(text) -%}
    string_agg({{ text }}, ', ' order by {{ text }} nulls last)
{%- endmacro %}
