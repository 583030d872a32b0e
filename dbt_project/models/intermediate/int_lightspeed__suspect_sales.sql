{# The sales that an unexplained difference may come from: those whose own amount is nearest to it stand first. #}
{% set named = 20 %}

with differences as (

    select *
    from {{ ref('int_lightspeed__reconciliation') }}
    where status = 'unexplained'

),

readings as (

    select *
    from {{ ref('int_lightspeed__report_readings') }}

),

sale_days as (

    select *
    from {{ ref('int_lightspeed__report_sale_days') }}

),

payment_days as (

    select *
    from {{ ref('int_lightspeed__report_payment_days') }}

),

dated as (

    select
        differences.account_id,
        differences.measure,
        differences.shop_id,
        differences.business_date,
        differences.detail_id,
        differences.difference,
        readings.day_event,
        readings.day_zone,
        readings.kinds
    from differences
    inner join readings
        on
            differences.account_id = readings.account_id
            and differences.measure = readings.measure

),

{# a ticket without a charge of the kind cannot be the one that differs #}
contributions as (

    {% for measure, detail, amount, source, days, key in [
        ('subtotal', 'tax_class_id', 'paid_without_tax', 'lines', 'sale_days', 'sale_id'),
        ('cost_average', 'tax_class_id', 'average_cost_amount', 'lines', 'sale_days', 'sale_id'),
        ('cost_fifo', 'tax_class_id', 'fifo_cost_amount', 'lines', 'sale_days', 'sale_id'),
        ('tax', 'tax_category_id', 'tax_amount', 'lines', 'sale_days', 'sale_id'),
        ('discounts', none, 'discount_without_tax', 'lines', 'sale_days', 'sale_id'),
        ('payments', 'payment_type_id', 'paid_or_undone', 'payments', 'payment_days', 'payment_id'),
    ] %}
        select
            dated.account_id,
            dated.measure,
            dated.shop_id,
            dated.business_date,
            dated.detail_id,
            dated.difference,
            {{ source }}.sale_id,
            sum({{ source }}.{{ amount }}) as amount
        from dated
        inner join {{ days }}
            on
                dated.account_id = {{ days }}.account_id
                and dated.shop_id = {{ days }}.shop_id
                and dated.business_date = {{ days }}.business_date
                and dated.day_event = {{ days }}.day_event
                and dated.day_zone = {{ days }}.day_zone
        inner join {{ ref('int_lightspeed__report_' ~ source) }} as {{ source }}
            on
                {{ days }}.account_id = {{ source }}.account_id
                and {{ days }}.{{ key }} = {{ source }}.{{ key }}
        where
            dated.measure = '{{ measure }}'
            {% if detail %}
                and dated.detail_id in ({{ source }}.{{ detail }}, case when dated.kinds = 'together' then 0 end)
            {% endif %}
        group by
            dated.account_id,
            dated.measure,
            dated.shop_id,
            dated.business_date,
            dated.detail_id,
            dated.difference,
            {{ source }}.sale_id
        {% if source == 'lines' %}
            having sum(abs(lines.{{ amount }})) > 0
        {% endif %}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

placed as (

    select
        *,
        row_number() over (
            partition by account_id, measure, shop_id, business_date, detail_id
            order by
                abs(abs(amount) - abs(difference)) asc nulls last,
                sale_id asc nulls last
        ) as place
    from contributions

)

select
    account_id,
    measure,
    shop_id,
    business_date,
    detail_id,
    {{ listed('cast(sale_id as varchar)', ', ', 'place') }} as sale_ids
from placed
where place <= {{ named }}
group by
    account_id,
    measure,
    shop_id,
    business_date,
    detail_id
