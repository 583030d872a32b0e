{% set reporting_currency = "'" ~ var("reporting_currency") ~ "'" if var("reporting_currency") else 'days.currency' %}

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
    inner join rates as reporting on rates.rate_date = reporting.rate_date
    where reporting.currency = '{{ var("reporting_currency") }}'

),

offsets as (

    {{ whole_numbers('days_back', 0, var('exchange_rate_days') | int) }}

),

recent_days as (

    select
        days.currency,
        days.business_date,
        {{ days_after('days.business_date', '-offsets.days_back') }} as rate_date
    from days
    cross join offsets

),

{# a day of rest has the rate of the last day before it that had one, as long as that is not too long ago #}
newest as (

    select
        recent_days.currency,
        recent_days.business_date,
        max(cross_rates.rate_date) as rate_date
    from recent_days
    inner join cross_rates
        on
            recent_days.currency = cross_rates.currency
            and recent_days.rate_date = cross_rates.rate_date
    group by
        recent_days.currency,
        recent_days.business_date

),

final as (

    select
        days.currency,
        days.business_date,
        {{ reporting_currency }} as reporting_currency,
        case when days.currency <> {{ reporting_currency }} then newest.rate_date end as rate_date,
        {# what is in the reporting currency already is not exchanged; what else has no rate has none, and is told #}
        cast(
            case
                when days.currency = {{ reporting_currency }}
                    then 1
                else cross_rates.exchange_rate
            end as decimal(18, 10)
        ) as exchange_rate
    from days
    left join newest
        on
            days.currency = newest.currency
            and days.business_date = newest.business_date
    left join cross_rates
        on
            newest.currency = cross_rates.currency
            and newest.rate_date = cross_rates.rate_date

)

select * from final
