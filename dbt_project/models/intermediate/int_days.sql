{# a year more than was traded at either end: what is compared with, and what is planned #}
with bounds as (

    select
        cast(date_trunc('year', min(business_date)) - interval '1' year as date) as first_date,
        cast(date_trunc('year', max(business_date)) + interval '2' year - interval '1' day as date) as last_date
    from {{ ref('fct_orders') }}

)

{{ days_between('bounds', 'first_date', 'last_date') }}
