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

    {% for measure, detail, amount in [
        ('subtotal', 'tax_class_id', 'paid_without_tax'),
        ('cost_average', 'tax_class_id', 'average_cost_amount'),
        ('cost_fifo', 'tax_class_id', 'fifo_cost_amount'),
        ('tax', 'tax_category_id', 'tax_amount'),
        ('discounts', none, 'discount_without_tax'),
    ] %}
        select
            dated.account_id,
            dated.measure,
            dated.shop_id,
            dated.business_date,
            dated.detail_id,
            dated.difference,
            lines.sale_id,
            sum(lines.{{ amount }}) as amount
        from dated
        inner join sale_days
            on
                dated.account_id = sale_days.account_id
                and dated.shop_id = sale_days.shop_id
                and dated.business_date = sale_days.business_date
                and dated.day_event = sale_days.day_event
                and dated.day_zone = sale_days.day_zone
        inner join {{ ref('int_lightspeed__report_lines') }} as lines
            on
                sale_days.account_id = lines.account_id
                and sale_days.sale_id = lines.sale_id
        where
            dated.measure = '{{ measure }}'
            {% if detail %}and dated.detail_id in (lines.{{ detail }}, case when dated.kinds = 'together' then 0 end){% endif %}
        group by
            dated.account_id,
            dated.measure,
            dated.shop_id,
            dated.business_date,
            dated.detail_id,
            dated.difference,
            lines.sale_id
        having sum(abs(lines.{{ amount }})) > 0

        union all
    {% endfor %}

    select
        dated.account_id,
        dated.measure,
        dated.shop_id,
        dated.business_date,
        dated.detail_id,
        dated.difference,
        payments.sale_id,
        sum(payments.paid_or_undone) as amount
    from dated
    inner join payment_days
        on
            dated.account_id = payment_days.account_id
            and dated.shop_id = payment_days.shop_id
            and dated.business_date = payment_days.business_date
            and dated.day_event = payment_days.day_event
            and dated.day_zone = payment_days.day_zone
    inner join {{ ref('int_lightspeed__report_payments') }} as payments
        on
            payment_days.account_id = payments.account_id
            and payment_days.payment_id = payments.payment_id
    where
        dated.measure = 'payments'
        and dated.detail_id in (payments.payment_type_id, case when dated.kinds = 'together' then 0 end)
    group by
        dated.account_id,
        dated.measure,
        dated.shop_id,
        dated.business_date,
        dated.detail_id,
        dated.difference,
        payments.sale_id

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
