{# an amount that cannot be exchanged is missing from every total: it is never taken as it stands #}
with days as (

    select
        account_id,
        currency,
        business_date
    from {{ ref('fct_orders') }}

    union

    select
        account_id,
        currency,
        business_date
    from {{ ref('fct_sales_events') }}

)

select
    days.account_id,
    rates.currency,
    rates.business_date,
    rates.reporting_currency
from {{ ref('int_exchange_rates') }} as rates
left join days
    on
        rates.currency = days.currency
        and rates.business_date = days.business_date
where rates.exchange_rate is null
