{{ config(materialized='table') }}

{% set reporting_currency = "'" ~ var("reporting_currency") ~ "'" if var("reporting_currency") else 'dated.currency' %}

with days as (

    select
        currency,
        business_date
    from {{ ref('fct_orders') }}

    union

    select
        currency,
        business_date
    from {{ ref('fct_sales_events') }}

    union

    select
        currency,
        business_date
    from {{ ref('int_lightspeed__incomplete_days') }}

),

currencies as (

    select distinct currency
    from days

),

own_rates as (

    select
        rate_date,
        currency,
        per_euro
    from {{ ref('exchange_rates') }}

),

published_rates as (

    select
        published.rate_date,
        published.currency,
        published.per_euro
    from {{ ref('stg_tillhouse__euro_rates') }} as published
    left join own_rates
        on
            published.rate_date = own_rates.rate_date
            and published.currency = own_rates.currency
    where own_rates.currency is null

),

currency_rates as (

    select
        rate_date,
        currency,
        per_euro
    from own_rates

    union all

    select
        rate_date,
        currency,
        per_euro
    from published_rates

),

{# the euro is what the others are told in: on each of their days it is one #}
rates as (

    select
        rate_date,
        currency,
        per_euro
    from currency_rates

    union all

    select distinct
        rate_date,
        'EUR' as currency,
        cast(1 as decimal(18, 8)) as per_euro
    from currency_rates
    where currency <> 'EUR'

),

cross_rates as (

    select
        rates.rate_date,
        rates.currency,
        {{ divided('reporting.per_euro', 'rates.per_euro', 10) }} as exchange_rate
    from rates
    inner join currencies on rates.currency = currencies.currency
    inner join rates as reporting on rates.rate_date = reporting.rate_date
    where reporting.currency = '{{ var("reporting_currency") }}'

),

{# days and rates in one order for each currency: a join of a day with the days before it, begun by the currency,
   would compare every day with every rate #}
in_order as (

    select
        currency,
        business_date,
        cast(null as date) as rate_date
    from days

    union all

    select
        currency,
        rate_date as business_date,
        rate_date
    from cross_rates

),

carried as (

    select
        currency,
        business_date,
        rate_date is null as is_day,
        max(rate_date) over (
            partition by currency
            order by business_date
        ) as rate_date
    from in_order

),

{# a day of rest has the rate of the last day before it that had one, as long as that is not too long ago #}
dated as (

    select
        currency,
        business_date,
        case
            when rate_date >= {{ days_after('business_date', -(var('exchange_rate_days') | int)) }} then rate_date
        end as rate_date
    from carried
    where is_day

),

final as (

    select
        dated.currency,
        dated.business_date,
        {{ reporting_currency }} as reporting_currency,
        case when dated.currency <> {{ reporting_currency }} then dated.rate_date end as rate_date,
        {# what is in the reporting currency already is not exchanged; what else has no rate has none, and is told #}
        cast(
            case
                when dated.currency = {{ reporting_currency }}
                    then 1
                else cross_rates.exchange_rate
            end as decimal(18, 10)
        ) as exchange_rate
    from dated
    left join cross_rates
        on
            dated.currency = cross_rates.currency
            and dated.rate_date = cross_rates.rate_date

)

select * from final
