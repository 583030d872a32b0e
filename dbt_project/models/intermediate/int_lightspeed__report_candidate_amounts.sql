{# a candidate's amounts have the details that it is compared by #}
with candidates as (

    select *
    from {{ ref('int_lightspeed__report_candidates') }}

),

sums as (

    select *
    from {{ ref('int_lightspeed__report_sums') }}

)

select
    candidates.account_id,
    candidates.reading_number,
    sums.shop_id,
    sums.business_date,
    case when candidates.kinds = 'together' then 0 else sums.detail_id end as detail_id,
    sum(sums.amount) as amount,
    sum(sums.amounts_rounded) as amounts_rounded,
    cast(null as decimal(18, 4)) as smallest_amount
from candidates
inner join sums
    on
        candidates.account_id = sums.account_id
        and candidates.measure = sums.measure
        and candidates.amount_key = sums.amount_key
        and candidates.day_event = sums.day_event
        and candidates.day_zone = sums.day_zone
group by
    candidates.account_id,
    candidates.reading_number,
    sums.shop_id,
    sums.business_date,
    case when candidates.kinds = 'together' then 0 else sums.detail_id end
