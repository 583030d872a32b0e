{# The price of one kind in a document of Lightspeed's Prices, which holds a lone one as an object and several as an array. #}
{% macro listed_price(document, kind) -%}
    {{ return(adapter.dispatch('listed_price')(document, kind)) }}
{%- endmacro %}

{% macro default__listed_price(document, kind) -%}
    try_cast(
        case json_type({{ document }}, '$.ItemPrice')
            when 'ARRAY'
                then list_extract(
                    json_extract_string({{ document }}, '$.ItemPrice[*].amount'),
                    list_position(json_extract_string({{ document }}, '$.ItemPrice[*].useType'), '{{ kind }}')
                )
            when 'OBJECT'
                then case
                    when json_extract_string({{ document }}, '$.ItemPrice.useType') = '{{ kind }}'
                        then json_extract_string({{ document }}, '$.ItemPrice.amount')
                end
        end as decimal(28, 10)
    )
{%- endmacro %}
