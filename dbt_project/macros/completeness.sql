{#
    Days of which an order is held, at the grain of a mart: what the mart says of them is too little. A mart is *by*
    account, by shop of the tills, or by store, where online stores have their own days beside the shops'.
#}
{% macro incomplete_days(by) -%}
    select distinct
        account_id,
        {% if by == 'store' %}
            source,
            store_id,
        {% endif %}
        {% if by != 'account' %}
            shop_id,
        {% endif %}
        business_date
    from {{ ref('int_incomplete_days') }}
    {% if by == 'shop' %}
        where source = 'lightspeed'
    {% endif %}
{%- endmacro %}


{# Whether a row of a mart and one of incomplete days are of the same day. An online order's shop is not known. #}
{% macro is_same_day(mart, days, by) -%}
    {{ mart }}.account_id = {{ days }}.account_id
    {% if by == 'store' %}
        and {{ mart }}.source = {{ days }}.source
        and {{ mart }}.store_id = {{ days }}.store_id
        and case when {{ mart }}.source = 'lightspeed' then {{ mart }}.shop_id else 0 end = {{ days }}.shop_id
    {% elif by == 'shop' %}
        and {{ mart }}.shop_id = {{ days }}.shop_id
    {% endif %}
    and {{ mart }}.business_date = {{ days }}.business_date
{%- endmacro %}


{# Days that would have no row: each gets one of zeros, since that nothing is known is not that nothing was sold. #}
{% macro days_of_held_orders_alone(rows, by) -%}
    select days.*
    from {{ ref('int_incomplete_days') }} as days
    left join {{ rows }}
        on {{ is_same_day(rows, 'days', by) }}
    where
        {{ rows }}.account_id is null
        {% if by == 'shop' %}
            and days.source = 'lightspeed'
        {% endif %}
{%- endmacro %}
