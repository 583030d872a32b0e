{#
    Comparable and non-comparable come to the total, and the total of a week and of its days of last year to what the
    channels sold on those days; where every location's days are over: a week before, since one that has just opened has none yet.
#}
with by_location as (

    select *
    from {{ ref('comparable_sales_weekly') }}

),

read_until as (

    select
        account_id,
        {{ days_after('min(last_date_over)', -7) }} as last_date_over
    from by_location
    group by account_id

),

weeks as (

    select
        by_location.account_id,
        by_location.currency,
        by_location.fiscal_week_start_date,
        sum(by_location.total_net_sales) as net_sales,
        sum(by_location.total_transactions) as transactions,
        sum(by_location.comp_net_sales + by_location.non_comp_net_sales) as net_sales_of_parts,
        sum(by_location.comp_transactions + by_location.non_comp_transactions) as transactions_of_parts,
        sum(by_location.total_net_sales_last_year) as net_sales_last_year,
        sum(by_location.total_transactions_last_year) as transactions_last_year,
        sum(by_location.comp_net_sales_last_year + by_location.non_comp_net_sales_last_year)
            as net_sales_of_parts_last_year
    from by_location
    inner join read_until
        on
            by_location.account_id = read_until.account_id
            and by_location.fiscal_week_end_date <= read_until.last_date_over
    group by
        by_location.account_id,
        by_location.currency,
        by_location.fiscal_week_start_date

),

dates as (

    select *
    from {{ ref('dim_dates') }}

),

channel_days as (

    select revenue.*
    from {{ ref('revenue_by_channel_daily') }} as revenue
    {% if not var('include_online') %}
        left join {{ ref('dim_channels') }} as channels on revenue.channel = channels.channel
        where not coalesce(channels.is_online, false)
    {% endif %}

),

both_years as (

    select
        channel_days.account_id,
        channel_days.currency,
        dates.fiscal_week_start_date,
        dates.fiscal_week_end_date,
        channel_days.net_sales,
        channel_days.transactions,
        0 as net_sales_last_year,
        0 as transactions_last_year
    from channel_days
    inner join dates on channel_days.business_date = dates.date_day

    union all

    select
        channel_days.account_id,
        channel_days.currency,
        dates.fiscal_week_start_date,
        dates.fiscal_week_end_date,
        0 as net_sales,
        0 as transactions,
        channel_days.net_sales as net_sales_last_year,
        channel_days.transactions as transactions_last_year
    from channel_days
    inner join dates on channel_days.business_date = dates.comp_date_{{ var('comp_date_basis') }}

),

channel_weeks as (

    select
        both_years.account_id,
        coalesce(both_years.currency, '') as currency,
        both_years.fiscal_week_start_date,
        sum(both_years.net_sales) as net_sales,
        sum(both_years.transactions) as transactions,
        sum(both_years.net_sales_last_year) as net_sales_last_year,
        sum(both_years.transactions_last_year) as transactions_last_year
    from both_years
    inner join read_until
        on
            both_years.account_id = read_until.account_id
            and both_years.fiscal_week_end_date <= read_until.last_date_over
    group by
        both_years.account_id,
        both_years.currency,
        both_years.fiscal_week_start_date

)

select
    channel_weeks.account_id,
    channel_weeks.currency,
    channel_weeks.fiscal_week_start_date,
    channel_weeks.net_sales as channel_amount,
    weeks.net_sales as location_amount,
    channel_weeks.net_sales_last_year as channel_amount_last_year,
    weeks.net_sales_last_year as location_amount_last_year
from channel_weeks
full outer join weeks
    on
        channel_weeks.account_id = weeks.account_id
        and channel_weeks.currency = weeks.currency
        and channel_weeks.fiscal_week_start_date = weeks.fiscal_week_start_date
where
    channel_weeks.net_sales is distinct from weeks.net_sales
    or channel_weeks.transactions is distinct from weeks.transactions
    or channel_weeks.net_sales_last_year is distinct from weeks.net_sales_last_year
    or channel_weeks.transactions_last_year is distinct from weeks.transactions_last_year
    or weeks.net_sales is distinct from weeks.net_sales_of_parts
    or weeks.transactions is distinct from weeks.transactions_of_parts
    or weeks.net_sales_last_year is distinct from weeks.net_sales_of_parts_last_year
