{{ config(materialized='table') }}

with payments as (

    select *
    from {{ ref('int_lightspeed__report_payments') }}

),

clocks as (

    select *
    from {{ ref('int_lightspeed__report_clocks') }}

),

sale_days as (

    select *
    from {{ ref('int_lightspeed__report_sale_days') }}

)

select
    payments.account_id,
    payments.shop_id,
    payments.payment_id,
    clocks.day_event,
    clocks.day_zone,
    cast(
        {{ local_time(
            "case when clocks.day_event = 'begun' then payments.begun_at else payments.taken_at end",
            "case when clocks.day_zone = 'shop' then payments.time_zone else clocks.day_zone end",
        ) }} as date
    ) as business_date
from payments
inner join clocks on payments.account_id = clocks.account_id
where clocks.day_event in ('taken', 'begun')

union all

select
    payments.account_id,
    payments.shop_id,
    payments.payment_id,
    sale_days.day_event,
    sale_days.day_zone,
    sale_days.business_date
from payments
inner join sale_days
    on
        payments.account_id = sale_days.account_id
        and payments.sale_id = sale_days.sale_id
where sale_days.day_event = 'completed'
