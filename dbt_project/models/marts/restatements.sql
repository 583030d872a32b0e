with current_run as (

    select
        run_id,
        started_at
    from {{ ref('stg_tillhouse__runs') }}
    where status = 'running'

),

reads as (

    select *
    from {{ ref('stg_tillhouse__published_reads') }}

),

measures as (

    select *
    from {{ ref('int_daily_measures') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

payment_types as (

    select *
    from {{ ref('stg_lightspeed__payment_types') }}

),

changed_orders as (

    select *
    from {{ ref('int_changed_orders') }}

),

{# an account that is withheld tonight has no numbers to compare: data_quality says so #}
accounts as (

    select distinct account_id
    from measures

),

sides as (

    select
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id,
        amount as was_amount,
        cast(0 as decimal(38, 4)) as is_amount
    from {{ ref('stg_tillhouse__published_measures') }}

    union all

    select
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id,
        cast(0 as decimal(38, 4)) as was_amount,
        amount as is_amount
    from measures

),

differences as (

    select
        sides.account_id,
        sides.shop_id,
        sides.business_date,
        sides.measure,
        sides.payment_type_id,
        sum(sides.was_amount) as was_amount,
        sum(sides.is_amount) as is_amount
    from sides
    inner join accounts on sides.account_id = accounts.account_id
    group by
        sides.account_id,
        sides.shop_id,
        sides.business_date,
        sides.measure,
        sides.payment_type_id
    having sum(sides.was_amount) <> sum(sides.is_amount)

),

{# a day that was not over, by its shop's own clock, when its account was read is no closed day: it was to grow #}
of_closed_days as (

    select
        differences.*,
        locations.location_name,
        locations.currency
    from differences
    inner join reads on differences.account_id = reads.account_id
    left join locations
        on
            differences.account_id = locations.account_id
            and differences.shop_id = locations.shop_id
    left join {{ ref('int_lightspeed__shop_zones') }} as zones
        on
            differences.account_id = zones.account_id
            and differences.shop_id = zones.shop_id
            and {{ holds_at('zones', 'reads.read_at') }}
    where
        differences.business_date >= reads.first_date
        and differences.business_date
        < {{ business_date(local_time('reads.read_at', "coalesce(zones.time_zone, 'UTC')")) }}

),

numbered as (

    select
        changed_orders.*,
        row_number() over (
            partition by account_id, shop_id, business_date, measure, payment_type_id
            order by abs(difference) desc nulls last, order_id asc nulls last
        ) as place
    from changed_orders

),

causes as (

    select
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id,
        sum(difference) as difference,
        count(*) as sales,
        {{ joined('case when place <= 20 then order_id end') }} as sale_ids
    from numbered
    group by
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id

),

reasons_once as (

    select distinct
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id,
        reason
    from changed_orders

    union all

    {# what the sales do not account for came from elsewhere #}
    select
        of_closed_days.account_id,
        of_closed_days.shop_id,
        of_closed_days.business_date,
        of_closed_days.measure,
        of_closed_days.payment_type_id,
        'shop, setting or rule changed' as reason
    from of_closed_days
    left join causes
        on
            of_closed_days.account_id = causes.account_id
            and of_closed_days.shop_id = causes.shop_id
            and of_closed_days.business_date = causes.business_date
            and of_closed_days.measure = causes.measure
            and of_closed_days.payment_type_id = causes.payment_type_id
    where of_closed_days.is_amount - of_closed_days.was_amount <> coalesce(causes.difference, 0)

),

reasons as (

    select
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id,
        {{ joined('reason') }} as reason
    from reasons_once
    group by
        account_id,
        shop_id,
        business_date,
        measure,
        payment_type_id

),

seen_now as (

    select
        of_closed_days.account_id,
        of_closed_days.shop_id,
        of_closed_days.location_name,
        of_closed_days.currency,
        of_closed_days.business_date,
        case
            when of_closed_days.measure <> 'payments' then of_closed_days.measure
            else concat(
                'payments: ',
                coalesce(payment_types.name, 'unknown type'),
                ' (',
                cast(of_closed_days.payment_type_id as varchar),
                ')'
            )
        end as measure,
        of_closed_days.was_amount,
        of_closed_days.is_amount,
        of_closed_days.is_amount - of_closed_days.was_amount as difference,
        reasons.reason,
        coalesce(causes.sales, 0) as sales,
        coalesce(causes.sale_ids, '') as sale_ids,
        current_run.started_at as seen_at,
        current_run.run_id
    from of_closed_days
    inner join reasons
        on
            of_closed_days.account_id = reasons.account_id
            and of_closed_days.shop_id = reasons.shop_id
            and of_closed_days.business_date = reasons.business_date
            and of_closed_days.measure = reasons.measure
            and of_closed_days.payment_type_id = reasons.payment_type_id
    left join causes
        on
            of_closed_days.account_id = causes.account_id
            and of_closed_days.shop_id = causes.shop_id
            and of_closed_days.business_date = causes.business_date
            and of_closed_days.measure = causes.measure
            and of_closed_days.payment_type_id = causes.payment_type_id
    left join payment_types
        on
            of_closed_days.account_id = payment_types.account_id
            and of_closed_days.payment_type_id = payment_types.payment_type_id
    cross join current_run

),

{# the published file remembers: what is rebuilt before it is published is compared with the same figures again #}
seen_before as (

    select *
    from {{ ref('stg_tillhouse__published_restatements') }}

),

final as (

    select *
    from seen_now

    union all

    select
        account_id,
        shop_id,
        location_name,
        currency,
        business_date,
        measure,
        was_amount,
        is_amount,
        difference,
        reason,
        sales,
        sale_ids,
        seen_at,
        run_id
    from seen_before

)

select
    account_id,
    shop_id,
    location_name,
    currency,
    business_date,
    measure,
    cast(was_amount as decimal(18, 4)) as was_amount,
    cast(is_amount as decimal(18, 4)) as is_amount,
    cast(difference as decimal(18, 4)) as difference,
    reason,
    cast(sales as bigint) as sales,
    sale_ids,
    seen_at,
    run_id
from final
