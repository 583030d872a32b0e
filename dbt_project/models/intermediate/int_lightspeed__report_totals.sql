{% set reports = [
    ('subtotal', 'sales', 'tax_class_id', 'tax_class_name', 'subtotal'),
    ('cost_average', 'sales', 'tax_class_id', 'tax_class_name', 'avg_cost'),
    ('cost_fifo', 'sales', 'tax_class_id', 'tax_class_name', 'fifo_cost'),
    ('tax', 'taxes', 'tax_category_id', 'tax_category_name', 'tax'),
    ('discounts', 'discounts', '0', "cast(null as varchar)", 'discount'),
    ('payments', 'payments', 'payment_type_id', 'payment_type_name', 'amount'),
] %}

with compared_days as (

    select *
    from {{ ref('int_lightspeed__compared_days') }}

),

{# a report may have several rows of one kind: payments may come apart for layaways #}
reported as (

    {% for measure, report, detail, name, amount in reports %}
        select
            account_id,
            shop_id,
            business_date,
            '{{ measure }}' as measure,
            cast(coalesce({{ detail }}, 0) as bigint) as detail_id,
            {{ name }} as detail,
            {{ amount }} as amount
        from {{ ref('stg_lightspeed__report_' ~ report) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        reported.account_id,
        reported.shop_id,
        reported.business_date,
        reported.measure,
        reported.detail_id,
        max(reported.detail) as detail,
        {{ to_cents('sum(reported.amount)') }} as amount
    from reported
    inner join compared_days
        on
            reported.account_id = compared_days.account_id
            and reported.shop_id = compared_days.shop_id
            and reported.business_date = compared_days.business_date
    group by
        reported.account_id,
        reported.shop_id,
        reported.business_date,
        reported.measure,
        reported.detail_id

)

select * from final
