with bounds as (

    select
        cast(date_trunc('year', min(business_date)) as date) as first_date,
        cast(date_trunc('year', max(business_date)) + interval '2' year - interval '1' day as date) as last_date
    from {{ ref('fct_orders') }}

),

days as (

    {{ days_between('bounds', 'first_date', 'last_date') }}

)

select
    date_day,
    cast(extract(year from date_day) as integer) as calendar_year,
    cast(extract(quarter from date_day) as integer) as calendar_quarter,
    cast(extract(month from date_day) as integer) as calendar_month,
    cast(extract(day from date_day) as integer) as day_of_month,
    {{ iso_year('date_day') }} as iso_year,
    cast(extract(week from date_day) as integer) as iso_week,
    {{ iso_weekday('date_day') }} as iso_weekday,
    {{ iso_weekday('date_day') }} >= 6 as is_weekend,
    cast(date_trunc('week', date_day) as date) as week_start_date,
    cast(date_trunc('month', date_day) as date) as month_start_date
from days
