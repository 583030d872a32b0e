{# Every source's rows of one relation of the contract: adding a channel is one more name here. #}
{% macro every_source(relation) -%}
    {% for prefix in ['int_lightspeed', 'stg_shopify', 'stg_ecwid'] %}
        select *
        from {{ ref(prefix ~ '__' ~ relation) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
{%- endmacro %}


{# Every vendor whose rows are read, by the name of its raw schema. #}
{% macro every_vendor() -%}
    {{ return(['lightspeed', 'shopify', 'ecwid']) }}
{%- endmacro %}


{# Every online store: adding a vendor is one more name here. #}
{% macro every_shop() -%}
    {% for vendor in ['shopify', 'ecwid'] %}
        select
            '{{ vendor }}' as source,
            store_id,
            name,
            time_zone,
            currency
        from {{ ref('stg_' ~ vendor ~ '__shops') }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
{%- endmacro %}


{# Every location that an online store lists; an E-Series store lists none. #}
{% macro every_online_location() -%}
    select
        'shopify' as source,
        store_id,
        location_id,
        name as location_name,
        coalesce(is_active, true) as is_active
    from {{ ref('stg_shopify__locations') }}
{%- endmacro %}


{# How an order reaches its buyer, in our words. #}
{% macro fulfilment_method(native) -%}
    case lower(coalesce({{ native }}, 'none'))
        when 'shipping' then 'ship'
        when 'pick_up' then 'pickup'
        when 'pickup' then 'pickup'
        when 'pickup_point' then 'pickup'
        when 'local' then 'local_delivery'
        when 'delivery' then 'local_delivery'
        else 'none'
    end
{%- endmacro %}


{# The number that a text holds by a pattern with one group; '' where it holds none. #}
{% macro number_in(text, pattern) -%}
    {{ return(adapter.dispatch('number_in')(text, pattern)) }}
{%- endmacro %}

{% macro default__number_in(text, pattern) -%}
    regexp_extract({{ text }}, {{ pattern }}, 1)
{%- endmacro %}


{# An order's number as two systems may write it: blanks, case and the leading # do not matter. #}
{% macro bare_number(number) -%}
    upper(trim(replace(coalesce({{ number }}, ''), '#', '')))
{%- endmacro %}
