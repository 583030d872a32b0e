{{ config(materialized='table') }}
{#
    The first stage of a search: what each amount comes to by each clock, unrounded. Roundings are tried on the few that
    come near, in the second.
#}
{% set measures = report_measures() %}
{% set groups = [
    ('lines', 'tax_class'),
    ('lines', 'tax_category'),
    ('lines', none),
    ('headers', 'tax_class'),
    ('headers', 'tax_category'),
    ('headers', none),
    ('payments', 'payment_type'),
] %}
{%- set found = namespace(groups=[]) -%}
{%- for source, detail in groups -%}
    {%- set amounts = [] -%}
    {%- for measure in measures if measure['detail'] == detail -%}
        {%- for key, label, relation, columns, levels in measure['amounts'] -%}
            {%- if relation == source and columns | length == 1 -%}
                {%- do amounts.append((measure['name'], key, columns[0])) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do found.groups.append((source ~ '_by_' ~ (detail or 'day'), source, detail, amounts)) -%}
{%- endfor -%}

with lines as (

    select *
    from {{ ref('int_lightspeed__report_lines') }}

),

headers as (

    select *
    from {{ ref('int_lightspeed__report_headers') }}

),

payments as (

    select *
    from {{ ref('int_lightspeed__report_payments') }}

),

searched_accounts as (

    select distinct account_id
    from {{ ref('int_lightspeed__report_searches') }}

),

sale_days as (

    select days.*
    from {{ ref('int_lightspeed__report_sale_days') }} as days
    inner join searched_accounts on days.account_id = searched_accounts.account_id

),

payment_days as (

    select days.*
    from {{ ref('int_lightspeed__report_payment_days') }} as days
    inner join searched_accounts on days.account_id = searched_accounts.account_id

),

{% for name, source, detail, amounts in found.groups %}

    {{ name }} as (

        select
            {% for measure, key, column in amounts %}
                cast(sum({{ source }}.{{ column }}) as decimal(28, 10)) as {{ key }},
                sum(case when {{ source }}.{{ column }} <> 0 then 1 else 0 end) as {{ key }}_count,
            {% endfor %}
            days.account_id,
            days.shop_id,
            days.day_event,
            days.day_zone,
            days.business_date,
            {{ source ~ '.' ~ detail ~ '_id' if detail else 'cast(0 as bigint)' }} as detail_id
        from {{ source }}
        {% if source == 'payments' %}
            inner join payment_days as days
                on
                    payments.account_id = days.account_id
                    and payments.payment_id = days.payment_id
        {% else %}
            inner join sale_days as days
                on
                    {{ source }}.account_id = days.account_id
                    and {{ source }}.sale_id = days.sale_id
        {% endif %}
        group by
            days.account_id,
            days.shop_id,
            days.day_event,
            days.day_zone,
            days.business_date
            {% if detail %}, {{ source }}.{{ detail }}_id{% endif %}

    ),

{% endfor %}

final as (

    {% for name, source, detail, amounts in found.groups %}
        {% set group_loop = loop %}
        {% for measure, key, column in amounts %}
            select
                account_id,
                shop_id,
                day_event,
                day_zone,
                business_date,
                '{{ measure }}' as measure,
                '{{ key }}' as amount_key,
                detail_id,
                {{ key }} as amount,
                {{ key }}_count as amounts_rounded
            from {{ name }}
            {% if not (group_loop.last and loop.last) %}union all{% endif %}
        {% endfor %}
    {% endfor %}

)

select * from final
