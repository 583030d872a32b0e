{# what Lightspeed's own reports say: every ticket of the tills, copies of online orders included #}
with orders as (

    select *
    from {{ ref('fct_orders') }}
    where source = 'lightspeed'

),

days as (

    select
        account_id,
        shop_id,
        max(location_name) as location_name,
        max(time_zone) as time_zone,
        max(currency) as currency,
        business_date,
        cast(sum(transactions) as bigint) as transactions,
        cast(sum(units_sold) as decimal(18, 4)) as units_sold,
        cast(sum(units_returned) as decimal(18, 4)) as units_returned,
        cast(sum(gross_amount) as decimal(18, 4)) as gross_sales,
        cast(sum(discount_amount) as decimal(18, 4)) as discounts,
        cast(sum(return_amount) as decimal(18, 4)) as returns,
        cast(sum(net_amount) as decimal(18, 4)) as net_sales,
        cast(sum(tax_amount) as decimal(18, 4)) as tax,
        cast(sum(total_amount) as decimal(18, 4)) as total_sales,
        cast(sum(cost_amount) as decimal(18, 4)) as cost_of_goods,
        cast(sum(margin_amount) as decimal(18, 4)) as gross_margin,
        cast(sum(item_fee_amount) as decimal(18, 4)) as item_fees,
        cast(sum(tip_amount) as decimal(18, 4)) as tips
    from orders
    group by
        account_id,
        shop_id,
        business_date

),

reconciled_days as (

    select *
    from {{ ref('int_lightspeed__reconciled_days') }}

),

incomplete_days as (

    select *
    from {{ ref('int_lightspeed__incomplete_days') }}

),

{# a day whose only sale is held has a row of zeros: that nothing is known is said, not passed over #}
days_with_held as (

    select
        coalesce(days.account_id, incomplete_days.account_id) as account_id,
        coalesce(days.shop_id, incomplete_days.shop_id) as shop_id,
        coalesce(days.location_name, incomplete_days.location_name) as location_name,
        coalesce(days.time_zone, incomplete_days.time_zone) as time_zone,
        coalesce(days.currency, incomplete_days.currency) as currency,
        coalesce(days.business_date, incomplete_days.business_date) as business_date,
        incomplete_days.account_id is null as is_complete,
        {% for measure in daily_measures() %}
            case when days.account_id is null then 0 else days.{{ measure }} end as {{ measure }}
            {% if not loop.last %},{% endif %}
        {% endfor %}
    from days
    full outer join incomplete_days
        on
            days.account_id = incomplete_days.account_id
            and days.shop_id = incomplete_days.shop_id
            and days.business_date = incomplete_days.business_date

),

rates as (

    select *
    from {{ ref('int_exchange_rates') }}

)

select
    days_with_held.*,
    {# a comparison knows no cut-over hour: its day is the calendar's #}
    case
        when not days_with_held.is_complete then 'incomplete'
        else coalesce(reconciled_days.reconciliation_status, 'not_compared')
    end as reconciliation_status,
    {{ in_reporting_currency('days_with_held', 'rates', ['tax']) }}
from days_with_held
left join reconciled_days
    on
        days_with_held.account_id = reconciled_days.account_id
        and days_with_held.shop_id = reconciled_days.shop_id
        and days_with_held.business_date = reconciled_days.business_date
left join rates
    on
        days_with_held.currency = rates.currency
        and days_with_held.business_date = rates.business_date
