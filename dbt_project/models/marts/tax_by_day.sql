{#
    A till's tax is its lines', by the tax category of the line and else of the sale, and what the header's rounding
    adds. An online store says how much tax is in an amount, and not by which of its taxes.
#}
with events as (

    select *
    from {{ ref('fct_sales_events') }}

),

lines as (

    select
        'lightspeed' as source,
        account_id,
        cast(sale_line_id as varchar) as event_id,
        cast(sale_id as varchar) as order_id,
        nullif(tax_category_id, 0) as tax_category_id,
        coalesce(is_taxed, false) as is_taxed,
        coalesce(tax1_rate, 0) + coalesce(tax2_rate, 0) as rate,
        coalesce(quantity, 0) < 0 as takes_back,
        calc_tax1 as tax1,
        calc_tax2 as tax2
    from {{ ref('stg_lightspeed__sale_lines') }}

),

sales as (

    select
        'lightspeed' as source,
        account_id,
        cast(sale_id as varchar) as order_id,
        nullif(tax_category_id, 0) as tax_category_id
    from {{ ref('stg_lightspeed__sales') }}

),

tax_categories as (

    select
        'lightspeed' as source,
        account_id,
        tax_category_id,
        tax1_name,
        tax2_name,
        tax1_rate,
        tax2_rate
    from {{ ref('stg_lightspeed__tax_categories') }}

),

locations as (

    select
        'lightspeed' as source,
        account_id,
        shop_id,
        location_name
    from {{ ref('dim_locations') }}

),

stores as (

    select *
    from {{ ref('int_stores') }}

),

told as (

    select
        events.account_id,
        events.source,
        events.store_id,
        coalesce(events.shop_id, 0) as shop_id,
        case
            when events.source = 'lightspeed' then coalesce(lines.tax_category_id, sales.tax_category_id, 0)
            else 0
        end as tax_category_id,
        coalesce(events.currency, 'XXX') as currency,
        events.business_date,
        events.include_in_revenue,
        events.event_type = 'rounding' as is_rounding,
        case
            when events.source = 'lightspeed' then coalesce(lines.takes_back, false)
            else events.event_type in ('return', 'cancel', 'adjustment')
        end as is_refund,
        {# goods that are taxed, sold to whoever pays none or at a rate of zero, are exempt #}
        case
            when events.event_type = 'rounding' then 'rounding'
            when events.tax_amount <> 0 then 'taxable'
            when lines.is_taxed then 'exempt'
            else 'non_taxable'
        end as treatment,
        {# a duty, or whatever else is no revenue, is the base of its own tax #}
        events.net_amount + events.shipping_amount
        + case when events.tax_amount <> 0 then coalesce(events.non_revenue_amount, 0) else 0 end as base_amount,
        events.tax_amount,
        lines.tax1,
        lines.tax2,
        lines.rate
    from events
    left join lines
        on
            events.source = lines.source
            and events.account_id = lines.account_id
            and events.order_id = lines.order_id
            and events.event_id = lines.event_id
    left join sales
        on
            events.source = sales.source
            and events.account_id = sales.account_id
            and events.order_id = sales.order_id

),

told_by_day as (

    select
        account_id,
        source,
        store_id,
        shop_id,
        tax_category_id,
        currency,
        business_date,
        sum(case when treatment = 'taxable' then base_amount else 0 end) as taxable_base,
        sum(case when treatment = 'non_taxable' then base_amount else 0 end) as non_taxable_base,
        sum(case when treatment = 'exempt' then base_amount else 0 end) as exempt_base,
        sum(case when not is_refund then tax1 when tax1 is not null then 0 end) as tax1_collected,
        sum(case when is_refund then -tax1 when tax1 is not null then 0 end) as tax1_refunded,
        sum(case when not is_refund then tax2 when tax2 is not null then 0 end) as tax2_collected,
        sum(case when is_refund then -tax2 when tax2 is not null then 0 end) as tax2_refunded,
        sum(case when is_refund or is_rounding then 0 else tax_amount end) as tax_collected,
        sum(case when is_refund then -tax_amount else 0 end) as tax_refunded,
        sum(case when is_rounding then tax_amount else 0 end) as tax_rounding,
        sum(tax_amount) as tax_amount,
        sum(case when include_in_revenue then 0 else tax_amount end) as mirror_tax_amount,
        sum(case when treatment = 'taxable' then base_amount * rate end) as tax_at_rates,
        sum(case when treatment = 'taxable' then 1 else 0 end) as taxed_lines
    from told
    group by
        account_id,
        source,
        store_id,
        shop_id,
        tax_category_id,
        currency,
        business_date

),

held_days as (

    {{ days_of_held_orders_alone('told_by_day', 'store') }}

),

by_day as (

    select *
    from told_by_day

    union all

    select
        account_id,
        source,
        store_id,
        shop_id,
        cast(0 as bigint) as tax_category_id,
        currency,
        business_date,
        0 as taxable_base,
        0 as non_taxable_base,
        0 as exempt_base,
        0 as tax1_collected,
        0 as tax1_refunded,
        0 as tax2_collected,
        0 as tax2_refunded,
        0 as tax_collected,
        0 as tax_refunded,
        0 as tax_rounding,
        0 as tax_amount,
        0 as mirror_tax_amount,
        0 as tax_at_rates,
        0 as taxed_lines
    from held_days

),

incomplete_days as (

    {{ incomplete_days('store') }}

)

select
    by_day.account_id,
    by_day.source,
    by_day.store_id,
    by_day.shop_id,
    coalesce(locations.location_name, stores.store_name, concat('store ', cast(by_day.store_id as varchar)))
        as location_name,
    by_day.currency,
    by_day.business_date,
    incomplete_days.account_id is null as is_complete,
    by_day.tax_category_id,
    case
        when by_day.source <> 'lightspeed' then 'as the online store charged'
        when by_day.tax_category_id = 0 then 'no tax category'
        when tax_categories.tax_category_id is null
            then concat('unknown tax category ', cast(by_day.tax_category_id as varchar))
        when coalesce(tax_categories.tax2_name, '') = '' then coalesce(tax_categories.tax1_name, '')
        else concat(coalesce(tax_categories.tax1_name, ''), ' + ', tax_categories.tax2_name)
    end as tax_category_name,
    cast(tax_categories.tax1_rate as decimal(28, 10)) as tax1_rate,
    cast(tax_categories.tax2_rate as decimal(28, 10)) as tax2_rate,
    cast(by_day.taxable_base as decimal(28, 10)) as taxable_base,
    cast(by_day.non_taxable_base as decimal(28, 10)) as non_taxable_base,
    cast(case when by_day.source = 'lightspeed' then by_day.exempt_base end as decimal(28, 10)) as exempt_base,
    cast(by_day.tax1_collected as decimal(28, 10)) as tax1_collected,
    cast(by_day.tax1_refunded as decimal(28, 10)) as tax1_refunded,
    cast(by_day.tax2_collected as decimal(28, 10)) as tax2_collected,
    cast(by_day.tax2_refunded as decimal(28, 10)) as tax2_refunded,
    cast(by_day.tax_collected as decimal(28, 10)) as tax_collected,
    cast(by_day.tax_refunded as decimal(28, 10)) as tax_refunded,
    cast(by_day.tax_rounding as decimal(28, 10)) as tax_rounding,
    cast(by_day.tax_amount as decimal(28, 10)) as tax_amount,
    cast(by_day.mirror_tax_amount as decimal(28, 10)) as mirror_tax_amount,
    cast(by_day.tax_at_rates as decimal(28, 10)) as tax_at_rates,
    cast(by_day.taxed_lines as bigint) as taxed_lines
from by_day
left join incomplete_days on {{ is_same_day('by_day', 'incomplete_days', 'store') }}
left join locations
    on
        by_day.source = locations.source
        and by_day.account_id = locations.account_id
        and by_day.shop_id = locations.shop_id
left join stores
    on
        by_day.source = stores.source
        and by_day.store_id = stores.store_id
left join tax_categories
    on
        by_day.source = tax_categories.source
        and by_day.account_id = tax_categories.account_id
        and by_day.tax_category_id = tax_categories.tax_category_id
