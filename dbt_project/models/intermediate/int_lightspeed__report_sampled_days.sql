{# Roundings show on few days as well as on many: the newest with sixty thousand amounts, and thirty in any case. #}
with whole_days as (

    select *
    from {{ ref('int_lightspeed__whole_days') }}

),

sizes as (

    select
        account_id,
        day_event,
        day_zone,
        business_date,
        sum(amounts_rounded) as amounts_rounded
    from {{ ref('int_lightspeed__report_sums') }}
    where amount_key in ('paid_with_tax', 'paid_or_undone')
    group by
        account_id,
        day_event,
        day_zone,
        business_date

),

placed as (

    select
        account_id,
        day_event,
        day_zone,
        business_date,
        row_number() over (
            partition by account_id, day_event, day_zone
            order by business_date desc nulls last
        ) as place,
        sum(amounts_rounded) over (
            partition by account_id, day_event, day_zone
            order by business_date desc nulls last
            rows between unbounded preceding and current row
        ) as amounts_until_then
    from sizes

)

select
    whole_days.account_id,
    whole_days.shop_id,
    whole_days.day_event,
    whole_days.day_zone,
    whole_days.business_date
from whole_days
inner join placed
    on
        whole_days.account_id = placed.account_id
        and whole_days.day_event = placed.day_event
        and whole_days.day_zone = placed.day_zone
        and whole_days.business_date = placed.business_date
where
    placed.place <= 30
    or placed.amounts_until_then <= 60000
