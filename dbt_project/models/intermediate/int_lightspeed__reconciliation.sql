{{ config(materialized='table') }}

with readings as (

    select *
    from {{ ref('int_lightspeed__report_readings') }}

),

amounts as (

    select *
    from {{ ref('int_lightspeed__report_amounts') }}

),

totals as (

    select *
    from {{ ref('int_lightspeed__report_totals') }}

),

compared_days as (

    select *
    from {{ ref('int_lightspeed__compared_days') }}

),

reasons as (

    select *
    from {{ ref('int_lightspeed__report_reasons') }}

),

accepted_differences as (

    select *
    from {{ ref('stg_tillhouse__accepted_differences') }}

),

published_differences as (

    select *
    from {{ ref('stg_tillhouse__published_differences') }}

),

runs as (

    select max(started_at) as started_at
    from {{ ref('stg_tillhouse__runs') }}

),

{# a token without the right to costs sees zeros, which are no costs to compare #}
accounts_without_costs as (

    select account_id
    from amounts
    where measure in ('cost_average', 'cost_fifo')
    group by account_id
    having max(abs(amount)) = 0

),

reported as (

    select distinct
        account_id,
        shop_id,
        business_date,
        measure
    from totals

),

followed_totals as (

    select
        totals.account_id,
        totals.measure,
        totals.shop_id,
        totals.business_date,
        totals.detail_id,
        totals.detail,
        totals.amount
    {{ totals_of_readings() }}

),

{# a name that a report gave a kind on another day is its name on a day that it leaves it out of #}
names as (

    select
        account_id,
        measure,
        detail_id,
        max(detail) as detail
    from followed_totals
    group by
        account_id,
        measure,
        detail_id

),

held as (

    select
        coalesce(amounts.account_id, followed_totals.account_id) as account_id,
        coalesce(amounts.measure, followed_totals.measure) as measure,
        coalesce(amounts.shop_id, followed_totals.shop_id) as shop_id,
        coalesce(amounts.business_date, followed_totals.business_date) as business_date,
        coalesce(amounts.detail_id, followed_totals.detail_id) as detail_id,
        coalesce(amounts.amount, 0) as warehouse_amount,
        followed_totals.amount as told_amount,
        coalesce(amounts.amounts_rounded, 0) as amounts_rounded,
        amounts.smallest_amount
    from amounts
    full outer join followed_totals
        on
            amounts.account_id = followed_totals.account_id
            and amounts.measure = followed_totals.measure
            and amounts.shop_id = followed_totals.shop_id
            and amounts.business_date = followed_totals.business_date
            and amounts.detail_id = followed_totals.detail_id

),

incomplete_days as (

    select
        readings.account_id,
        readings.measure,
        compared_days.shop_id,
        compared_days.business_date
    from readings
    inner join compared_days
        on
            readings.account_id = compared_days.account_id
            and readings.day_event = compared_days.day_event
            and readings.day_zone = compared_days.day_zone
    where not compared_days.is_complete

),

{# a report with rows of the shop and day and none of the kind says that it is zero; one without any says nothing #}
compared as (

    select
        held.account_id,
        held.measure,
        held.shop_id,
        held.business_date,
        held.detail_id,
        names.detail,
        held.warehouse_amount,
        case when reported.measure is not null then coalesce(held.told_amount, 0) end as source_amount,
        held.warehouse_amount
        - case when reported.measure is not null then coalesce(held.told_amount, 0) end as difference,
        held.amounts_rounded,
        {{ rounding_bound('held.amounts_rounded') }} as rounding_bound,
        held.smallest_amount,
        readings.reading,
        readings.proven_at
    from held
    inner join readings
        on
            held.account_id = readings.account_id
            and held.measure = readings.measure
    left join reported
        on
            held.account_id = reported.account_id
            and held.shop_id = reported.shop_id
            and held.business_date = reported.business_date
            and held.measure = reported.measure
    left join names
        on
            held.account_id = names.account_id
            and held.measure = names.measure
            and held.detail_id = names.detail_id
    left join accounts_without_costs on held.account_id = accounts_without_costs.account_id
    where
        (accounts_without_costs.account_id is null or held.measure not in ('cost_average', 'cost_fifo'))
        and (reported.measure is not null or held.warehouse_amount <> 0)

),

reasons_that_fit as (

    select
        compared.account_id,
        compared.measure,
        compared.shop_id,
        compared.business_date,
        compared.detail_id,
        min(reasons.reason) as reason
    from compared
    inner join reasons
        on
            compared.account_id = reasons.account_id
            and compared.measure = reasons.measure
            and compared.shop_id = reasons.shop_id
            and compared.business_date = reasons.business_date
            and compared.detail_id = reasons.detail_id
            and compared.difference = reasons.amount
    group by
        compared.account_id,
        compared.measure,
        compared.shop_id,
        compared.business_date,
        compared.detail_id

),

{# one row each: a difference may be accepted twice #}
acceptances as (

    select
        account_id,
        measure,
        shop_id,
        business_date,
        detail_id,
        difference,
        max(reason) as reason
    from accepted_differences
    group by
        account_id,
        measure,
        shop_id,
        business_date,
        detail_id,
        difference

),

told_before as (

    select distinct
        account_id,
        measure,
        shop_id,
        business_date,
        detail_id,
        difference
    from published_differences

),

judged as (

    select
        compared.*,
        case
            when incomplete_days.account_id is not null then 'incomplete'
            when compared.source_amount is null then 'not_reported'
            when compared.difference = 0 then 'match'
            when reasons_that_fit.reason is not null then 'explained'
            when
                abs(compared.difference) <= compared.rounding_bound
                and abs(compared.difference) < compared.smallest_amount
                then 'rounding'
            when acceptances.reason is not null then 'accepted'
            when compared.proven_at is null or told_before.measure is not null then 'before_proof'
            else 'unexplained'
        end as status,
        coalesce(reasons_that_fit.reason, acceptances.reason) as reason
    from compared
    left join incomplete_days
        on
            compared.account_id = incomplete_days.account_id
            and compared.measure = incomplete_days.measure
            and compared.shop_id = incomplete_days.shop_id
            and compared.business_date = incomplete_days.business_date
    left join reasons_that_fit
        on
            compared.account_id = reasons_that_fit.account_id
            and compared.measure = reasons_that_fit.measure
            and compared.shop_id = reasons_that_fit.shop_id
            and compared.business_date = reasons_that_fit.business_date
            and compared.detail_id = reasons_that_fit.detail_id
    left join acceptances
        on
            compared.account_id = acceptances.account_id
            and compared.measure = acceptances.measure
            and compared.shop_id = acceptances.shop_id
            and compared.business_date = acceptances.business_date
            and compared.detail_id = acceptances.detail_id
            and compared.difference = acceptances.difference
    left join told_before
        on
            compared.account_id = told_before.account_id
            and compared.measure = told_before.measure
            and compared.shop_id = told_before.shop_id
            and compared.business_date = told_before.business_date
            and compared.detail_id = told_before.detail_id
            and compared.difference = told_before.difference

),

{# a shop's day on which either side is not zero, and every kind of it #}
shop_days as (

    select
        account_id,
        measure,
        shop_id,
        business_date,
        max(case when status in ('before_proof', 'unexplained') then 1 else 0 end) as differs,
        max(case when status = 'unexplained' then 1 else 0 end) as is_unexplained,
        max(case when status = 'match' then 0 else 1 end) as is_inexact
    from judged
    where status not in ('not_reported', 'incomplete', 'accepted')
    group by
        account_id,
        measure,
        shop_id,
        business_date
    having max(abs(warehouse_amount) + abs(source_amount)) > 0

),

evidence as (

    select
        account_id,
        measure,
        count(*) as days_compared,
        count(*) - sum(is_inexact) as days_matched,
        count(*) - sum(differs) as days_agreed,
        sum(is_unexplained) as days_unexplained
    from shop_days
    group by
        account_id,
        measure

),

standings as (

    select
        readings.account_id,
        readings.measure,
        coalesce(evidence.days_compared, 0) as days_compared,
        coalesce(evidence.days_matched, 0) as days_matched,
        coalesce(evidence.days_agreed, 0) as days_agreed,
        coalesce(evidence.days_unexplained, 0) as days_unexplained,
        case
            when readings.proven_at is not null then 'proven'
            when evidence.days_compared is null then 'not_reported'
            when evidence.days_compared < 14 then 'not_proven'
            when {{ reading_standing('evidence.days_agreed', 'evidence.days_compared') }} = 2 then 'proven'
            when {{ reading_standing('evidence.days_agreed', 'evidence.days_compared') }} = 1 then 'likely'
            else 'not_proven'
        end as standing
    from readings
    left join evidence
        on
            readings.account_id = evidence.account_id
            and readings.measure = evidence.measure

)

select
    judged.account_id,
    judged.measure,
    judged.shop_id,
    judged.business_date,
    judged.detail_id,
    judged.detail,
    cast(judged.warehouse_amount as decimal(18, 4)) as warehouse_amount,
    cast(judged.source_amount as decimal(18, 4)) as source_amount,
    cast(judged.difference as decimal(18, 4)) as difference,
    judged.status,
    judged.reason,
    judged.reading,
    cast(judged.amounts_rounded as bigint) as amounts_rounded,
    judged.rounding_bound,
    judged.smallest_amount,
    standings.standing,
    cast(standings.days_compared as bigint) as days_compared,
    cast(standings.days_matched as bigint) as days_matched,
    cast(standings.days_agreed as bigint) as days_agreed,
    cast(standings.days_unexplained as bigint) as days_unexplained,
    case when standings.standing = 'proven' then coalesce(judged.proven_at, runs.started_at) end as proven_at
from judged
inner join standings
    on
        judged.account_id = standings.account_id
        and judged.measure = standings.measure
cross join runs
