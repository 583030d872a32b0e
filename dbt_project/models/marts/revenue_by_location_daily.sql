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

rates as (

    select *
    from {{ ref('int_exchange_rates') }}

)

select
    days.*,
    {{ in_reporting_currency('days', 'rates', ['tax']) }}
from days
left join rates
    on
        days.currency = rates.currency
        and days.business_date = rates.business_date
