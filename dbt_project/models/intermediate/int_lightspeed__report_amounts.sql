{{ config(materialized='table') }}
{#
    What a report's amounts mean is documented by one sample of each. These are the plausible readings, the likeliest
    first; int_lightspeed__report_readings tells which one an account follows.
#}
{% set roundings = [('the day rounded', 'once'), ('each ticket rounded', 'ticket'), ('each line rounded', 'line')] %}
{% set once = [('the day rounded', 'once')] %}
{%- set measures = [
    ('subtotal', 'tax_class_id', roundings, [
        ('before discounts, without tax', 'asked_without_tax'),
        ('after discounts, without tax', 'paid_without_tax'),
        ('before discounts, with the tax that prices hold', 'asked_with_tax'),
        ('after discounts, with the tax that prices hold', 'paid_with_tax'),
    ]),
    ('tax', 'tax_category_id', roundings, [('as charged', 'tax_amount')]),
    ('discounts', 'no_detail_id', roundings, [
        ('without tax, less those of returns', 'discount_without_tax'),
        ('with the tax that prices hold, less those of returns', 'discount_with_tax'),
        ('without tax, those of returns left out', 'given_without_tax'),
        ('with the tax that prices hold, those of returns left out', 'given_with_tax'),
    ]),
    ('cost_average', 'tax_class_id', once, [('of what was sold, less what came back', 'average_cost_amount')]),
    ('cost_fifo', 'tax_class_id', once, [('of what was sold, less what came back', 'fifo_cost_amount')]),
] -%}
{%- set payment_dates = [
    ('on the day it was taken', 'taken_date'),
    ('on the day its sale completed', 'completed_date'),
] -%}
{%- set payment_parts = [('tips included', 'amount'), ('tips left out', 'amount - tip_amount')] -%}

with lines as (

    select *
    from {{ ref('int_lightspeed__report_lines') }}

),

payments as (

    select *
    from {{ ref('int_lightspeed__report_payments') }}

),

compared_days as (

    select *
    from {{ ref('int_lightspeed__compared_days') }}

),

{% for measure, detail, rounded, columns in measures %}

    {{ measure }}_by_ticket as (

        select
            {% for label, column in columns %}
                sum({{ column }}) as {{ column }}_once,
                sum(round({{ column }}, 2)) as {{ column }}_line,
            {% endfor %}
            account_id,
            shop_id,
            business_date,
            sale_id,
            {{ detail }} as detail_id
        from lines
        group by
            account_id,
            shop_id,
            business_date,
            sale_id,
            {{ detail }}

    ),

    {{ measure }}_by_day as (

        select
            {% for label, column in columns %}
                round(sum({{ column }}_once), 2) as {{ column }}_once,
                round(sum({{ column }}_once) - 0.0000001, 2) + round(sum({{ column }}_once) + 0.0000001, 2)
                - round(sum({{ column }}_once), 2) as {{ column }}_once_otherwise,
                sum(round({{ column }}_once, 2)) as {{ column }}_ticket,
                sum({{ column }}_line) as {{ column }}_line,
            {% endfor %}
            account_id,
            shop_id,
            business_date,
            detail_id
        from {{ measure }}_by_ticket
        group by
            account_id,
            shop_id,
            business_date,
            detail_id

    ),

{% endfor %}

final as (

    {% for measure, detail, rounded, columns in measures %}
        {% for label, column in columns %}
            {% set column_loop = loop %}
            {% for rounding, suffix in rounded %}
                select
                    account_id,
                    shop_id,
                    business_date,
                    '{{ measure }}' as measure,
                    detail_id,
                    '{{ label }}; {{ rounding }}' as reading,
                    {{ column_loop.index0 * 3 + loop.index }} as preference,
                    cast({{ column }}_{{ suffix }} as decimal(18, 4)) as amount,
                    {# half a cent may go either way, by digits that nobody shows #}
                    cast(
                        {{ column }}_{{ suffix }}{{ '_otherwise' if suffix == 'once' }} as decimal(18, 4)
                    ) as amount_otherwise
                from {{ measure }}_by_day

                union all

            {% endfor %}
        {% endfor %}
    {% endfor %}

    {% for label, day in payment_dates %}
        {% set day_loop = loop %}
        {% for part, amount in payment_parts %}
            select
                payments.account_id,
                payments.shop_id,
                payments.{{ day }} as business_date,
                'payments' as measure,
                payments.payment_type_id as detail_id,
                '{{ label }}, {{ part }}' as reading,
                {{ day_loop.index0 * 2 + loop.index }} as preference,
                cast(sum({{ amount }}) as decimal(18, 4)) as amount,
                cast(sum({{ amount }}) as decimal(18, 4)) as amount_otherwise
            from payments
            inner join compared_days
                on
                    payments.account_id = compared_days.account_id
                    and payments.shop_id = compared_days.shop_id
                    and payments.{{ day }} = compared_days.business_date
            group by
                payments.account_id,
                payments.shop_id,
                payments.{{ day }},
                payments.payment_type_id

            {% if not (day_loop.last and loop.last) %}union all{% endif %}

        {% endfor %}
    {% endfor %}

)

select * from final
