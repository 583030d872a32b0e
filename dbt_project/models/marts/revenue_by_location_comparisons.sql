{#
    Each comparison has a row where something was sold on either of its days: a day on which a shop that sold last year
    sells nothing has its row too. Days after the account's last one have not happened yet, and of days before its first
    one nothing is known.
#}
{{ config(materialized='view') }}

{% set comparisons = ['restated', 'fiscal', 'calendar'] %}

with revenue as (

    select *
    from {{ ref('revenue_by_location_daily') }}

),

dates as (

    select *
    from {{ ref('dim_dates') }}

),

shops as (

    select
        account_id,
        shop_id,
        max(location_name) as location_name,
        max(currency) as currency
    from revenue
    group by
        account_id,
        shop_id

),

loaded_days as (

    select
        account_id,
        min(business_date) as first_date,
        max(business_date) as last_date
    from revenue
    where {{ has_come('business_date') }}
    group by account_id

),

shop_days as (

    select
        account_id,
        shop_id,
        business_date
    from revenue

    {% for comparison in comparisons %}
        union

        select
            revenue.account_id,
            revenue.shop_id,
            dates.date_day as business_date
        from revenue
        inner join dates on revenue.business_date = dates.comp_date_{{ comparison }}
    {% endfor %}

)

select
    shop_days.account_id,
    shop_days.shop_id,
    shops.location_name,
    shops.currency,
    shop_days.business_date,
    dates.fiscal_year,
    dates.fiscal_period,
    dates.fiscal_week,
    dates.day_of_fiscal_week,
    coalesce(this_year.is_complete, true) as is_complete,
    coalesce(this_year.net_sales, 0) as net_sales,
    coalesce(this_year.transactions, 0) as transactions,
    coalesce(this_year.units_sold, 0) as units_sold,
    coalesce(this_year.gross_margin, 0) as gross_margin,
    {% for comparison in comparisons %}
        dates.comp_date_{{ comparison }},
        coalesce({{ comparison }}.is_complete, true) as is_complete_{{ comparison }},
        {% for measure in ['net_sales', 'transactions', 'units_sold', 'gross_margin'] %}
            case
                when dates.comp_date_{{ comparison }} >= loaded_days.first_date
                    then coalesce({{ comparison }}.{{ measure }}, 0)
            end as {{ measure }}_{{ comparison }},
        {% endfor %}
        {# over a day of more returns than sales its sign would say the opposite #}
        case
            when {{ comparison }}.net_sales > 0
                then {{ divided(
                    'coalesce(this_year.net_sales, 0) - ' ~ comparison ~ '.net_sales', comparison ~ '.net_sales'
                ) }}
        end as net_sales_growth_{{ comparison }},
    {% endfor %}
    loaded_days.last_date as last_business_date
from shop_days
inner join loaded_days
    on
        shop_days.account_id = loaded_days.account_id
        and shop_days.business_date <= loaded_days.last_date
inner join dates on shop_days.business_date = dates.date_day
inner join shops
    on
        shop_days.account_id = shops.account_id
        and shop_days.shop_id = shops.shop_id
left join revenue as this_year
    on
        shop_days.account_id = this_year.account_id
        and shop_days.shop_id = this_year.shop_id
        and shop_days.business_date = this_year.business_date
{% for comparison in comparisons %}
    left join revenue as {{ comparison }}
        on
            shop_days.account_id = {{ comparison }}.account_id
            and shop_days.shop_id = {{ comparison }}.shop_id
            and dates.comp_date_{{ comparison }} = {{ comparison }}.business_date
{% endfor %}
