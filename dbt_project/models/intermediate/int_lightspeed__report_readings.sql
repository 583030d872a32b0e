{{ config(materialized='table') }}
{#
    The reading that an account follows is the one that most amounts of its closed days agree with. All days that were
    ever compared have a say: the reports that are kept are the memory, and one bad day turns no reading over.
#}
with amounts as (

    select *
    from {{ ref('int_lightspeed__report_amounts') }}

),

totals as (

    select *
    from {{ ref('int_lightspeed__report_totals') }}

),

scores as (

    select
        amounts.account_id,
        amounts.measure,
        amounts.reading,
        amounts.preference,
        count(*) as amounts_compared,
        sum(case when amounts.amount = coalesce(totals.amount, 0) then 1 else 0 end) as amounts_matched,
        sum(abs(amounts.amount - coalesce(totals.amount, 0))) as distance
    from amounts
    left join totals
        on
            amounts.account_id = totals.account_id
            and amounts.shop_id = totals.shop_id
            and amounts.business_date = totals.business_date
            and amounts.measure = totals.measure
            and amounts.detail_id = totals.detail_id
    group by
        amounts.account_id,
        amounts.measure,
        amounts.reading,
        amounts.preference

),

placed as (

    select
        *,
        row_number() over (
            partition by account_id, measure
            order by amounts_matched desc nulls last, distance asc nulls last, preference asc nulls last
        ) as place
    from scores

),

final as (

    select
        account_id,
        measure,
        reading,
        amounts_compared,
        amounts_matched
    from placed
    where place = 1

)

select * from final
