with days as (

    select *
    from {{ ref('int_days') }}

),

fiscal_days as (

    {{ fiscal_days('days') }}

),

{# a day may bear several names #}
holidays as (

    select
        holiday_date,
        {{ texts_of('name') }} as holiday_name
    from {{ ref('holidays') }}
    group by holiday_date

)

select
    days.date_day,
    cast(extract(year from days.date_day) as integer) as calendar_year,
    cast(extract(quarter from days.date_day) as integer) as calendar_quarter,
    cast(extract(month from days.date_day) as integer) as calendar_month,
    cast(extract(day from days.date_day) as integer) as day_of_month,
    {{ iso_year('days.date_day') }} as iso_year,
    cast(extract(week from days.date_day) as integer) as iso_week,
    {{ iso_weekday('days.date_day') }} as iso_weekday,
    {{ iso_weekday('days.date_day') }} >= 6 as is_weekend,
    cast(date_trunc('week', days.date_day) as date) as week_start_date,
    cast(date_trunc('month', days.date_day) as date) as month_start_date,
    fiscal_days.fiscal_year,
    fiscal_days.fiscal_quarter,
    fiscal_days.fiscal_period,
    fiscal_days.fiscal_period_name,
    fiscal_days.fiscal_week,
    fiscal_days.day_of_fiscal_week,
    fiscal_days.fiscal_week_start_date,
    fiscal_days.fiscal_week_end_date,
    fiscal_days.fiscal_year_start_date,
    fiscal_days.fiscal_year_end_date,
    fiscal_days.last_fiscal_year_start_date,
    fiscal_days.weeks_in_fiscal_year,
    fiscal_days.is_week_53,
    fiscal_days.comp_date_restated,
    fiscal_days.comp_date_fiscal,
    fiscal_days.comp_date_calendar,
    holidays.holiday_name,
    holidays.holiday_date is not null as is_holiday
from days
left join fiscal_days on days.date_day = fiscal_days.date_day
left join holidays on days.date_day = holidays.holiday_date
