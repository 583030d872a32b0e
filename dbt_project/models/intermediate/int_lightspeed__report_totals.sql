{{ config(materialized='table') }}
{% set reports = [
    ('subtotal', 'sales', 'tax_class_id', 'tax_class_name', 'subtotal'),
    ('cost_average', 'sales', 'tax_class_id', 'tax_class_name', 'avg_cost'),
    ('cost_fifo', 'sales', 'tax_class_id', 'tax_class_name', 'fifo_cost'),
    ('tax', 'taxes', 'tax_category_id', 'tax_category_name', 'tax'),
    ('discounts', 'discounts', '0', "cast(null as varchar)", 'discount'),
    ('payments', 'payments', 'payment_type_id', 'payment_type_name', 'amount'),
] %}
{% set lists = [
    ('tax_class_id', 'tax_classes', 'sale_lines', ['subtotal', 'cost_average', 'cost_fifo']),
    ('tax_category_id', 'tax_categories', 'sale_lines', ['tax']),
    ('payment_type_id', 'payment_types', 'sale_payments', ['payments']),
] %}

with

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

{# what an account lists, or has used #}
kinds_known as (

    {% for id, list, users, measures in lists %}
        {% set list_loop = loop %}
        {% for measure in measures %}
            select
                account_id,
                '{{ measure }}' as measure,
                {{ id }} as detail_id
            from {{ ref('stg_lightspeed__' ~ list) }}

            union

            select
                account_id,
                '{{ measure }}' as measure,
                {{ id }} as detail_id
            from {{ ref('stg_lightspeed__' ~ users) }}

            {% if not (list_loop.last and loop.last) %}union{% endif %}

        {% endfor %}
    {% endfor %}

),

by_kind as (

    select
        reported.account_id,
        reported.shop_id,
        reported.business_date,
        reported.measure,
        reported.detail_id,
        reported.detail,
        reported.amount,
        case when kinds_known.detail_id is not null or reported.measure = 'discounts' then 1 else 0 end as is_listed
    from reported
    left join kinds_known
        on
            reported.account_id = kinds_known.account_id
            and reported.measure = kinds_known.measure
            and reported.detail_id = kinds_known.detail_id

),

{# a report may have several rows of one kind: payments may come apart for layaways, taxes for each tax #}
final as (

    select
        account_id,
        shop_id,
        business_date,
        measure,
        'each' as kinds,
        detail_id,
        max(detail) as detail,
        {{ to_cents('sum(amount)') }} as amount
    from by_kind
    group by
        account_id,
        shop_id,
        business_date,
        measure,
        detail_id

    union all

    select
        account_id,
        shop_id,
        business_date,
        measure,
        'listed' as kinds,
        detail_id,
        max(detail) as detail,
        {{ to_cents('sum(amount)') }} as amount
    from by_kind
    where is_listed = 1 and measure <> 'discounts'
    group by
        account_id,
        shop_id,
        business_date,
        measure,
        detail_id

    union all

    select
        account_id,
        shop_id,
        business_date,
        measure,
        'together' as kinds,
        cast(0 as bigint) as detail_id,
        'all kinds together' as detail,
        {{ to_cents('sum(amount)') }} as amount
    from by_kind
    where measure <> 'discounts'
    group by
        account_id,
        shop_id,
        business_date,
        measure

)

select * from final
