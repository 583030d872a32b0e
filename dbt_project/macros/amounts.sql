{# Half away from zero, to the cent. #}
{% macro to_cents(amount) -%}
    cast(round({{ amount }}, 2) as decimal(18, 4))
{%- endmacro %}


{# A quotient of two amounts, with four decimals unless told; NULL where the divisor is zero. Decimals divide to a float here. #}
{% macro divided(amount, divisor, places=4) -%}
    {{ return(adapter.dispatch('divided')(amount, divisor, places)) }}
{%- endmacro %}

{% macro default__divided(amount, divisor, places) -%}
    cast(round(cast({{ amount }} as double) / nullif(cast({{ divisor }} as double), 0), {{ places }}) as decimal(28, 10))
{%- endmacro %}


{# A text inside a JSON document; NULL where it is not there. #}
{% macro json_text(document, path) -%}
    {{ return(adapter.dispatch('json_text')(document, path)) }}
{%- endmacro %}

{% macro default__json_text(document, path) -%}
    json_extract_string({{ document }}, '{{ path }}')
{%- endmacro %}


{# The texts of a group in one, in an order. #}
{% macro listed(text, separator, in_order_of) -%}
    {{ return(adapter.dispatch('listed')(text, separator, in_order_of)) }}
{%- endmacro %}

{% macro default__listed(text, separator, in_order_of) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ in_order_of }} asc nulls last)
{%- endmacro %}
