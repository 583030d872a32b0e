{{ config(materialized='table') }}
{# reports know no cut-over hour: a day is the calendar's #}
with sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

),

clocks as (

    select *
    from {{ ref('int_lightspeed__report_clocks') }}
    where day_event in ('completed', 'begun')

)

select
    sales.account_id,
    sales.shop_id,
    sales.sale_id,
    clocks.day_event,
    clocks.day_zone,
    cast(
        case
            when clocks.day_event = 'completed' and clocks.day_zone = 'shop' then sales.completed_local_at
            else
                {{ local_time(
                    "case when clocks.day_event = 'begun' then sales.begun_at else sales.completed_at end",
                    "case when clocks.day_zone = 'shop' then coalesce(sales.time_zone, 'UTC') else clocks.day_zone end",
                ) }}
        end as date
    ) as business_date
from sales
inner join clocks on sales.account_id = clocks.account_id
