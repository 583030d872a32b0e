with counts as (

    select counts.*
    from {{ ref('stg_lightspeed__register_counts') }} as counts
    inner join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on counts.account_id = ready_accounts.account_id

),

amounts as (

    select
        account_id,
        register_count_id,
        coalesce(payment_type_id, 0) as payment_type_id,
        sum(counted_amount) as counted_amount,
        sum(calculated_amount) as calculated_amount
    from {{ ref('stg_lightspeed__register_count_amounts') }}
    group by
        account_id,
        register_count_id,
        coalesce(payment_type_id, 0)

),

payment_types as (

    select *
    from {{ ref('stg_lightspeed__payment_types') }}

),

zones as (

    select *
    from {{ ref('int_lightspeed__shop_zones') }}

),

registers as (

    select
        registers.account_id,
        registers.register_id,
        registers.name as register_name,
        registers.shop_id
    from {{ ref('stg_lightspeed__registers') }} as registers

),

locations as (

    select *
    from {{ ref('dim_locations') }}

),

{# money by register as it stands now: what was re-typed or voided since the count is so here as well #}
moved as (

    select
        account_id,
        register_id,
        payment_type_id,
        shop_id,
        paid_at as moved_at,
        1 as payments,
        amount as paid_amount,
        cast(0 as decimal(18, 4)) as added_amount
    from {{ ref('fct_payments') }}
    where source = 'lightspeed'

    union all

    select
        account_id,
        register_id,
        payment_type_id,
        cast(null as bigint) as shop_id,
        created_at as moved_at,
        0 as payments,
        cast(0 as decimal(18, 4)) as paid_amount,
        amount as added_amount
    from {{ ref('stg_lightspeed__register_withdraws') }}

),

counted_registers as (

    select distinct
        account_id,
        register_id
    from counts

),

{# openings and movements on one line of time, an opening first: a float bears the time of its opening #}
on_one_line as (

    select
        account_id,
        register_id,
        opened_at as happened_at,
        0 as place,
        opened_at,
        cast(null as bigint) as payment_type_id,
        cast(null as bigint) as shop_id,
        0 as payments,
        cast(0 as decimal(18, 4)) as paid_amount,
        cast(0 as decimal(18, 4)) as added_amount
    from counts

    union all

    select
        moved.account_id,
        moved.register_id,
        moved.moved_at as happened_at,
        1 as place,
        cast(null as timestamp with time zone) as opened_at,
        moved.payment_type_id,
        moved.shop_id,
        moved.payments,
        moved.paid_amount,
        moved.added_amount
    from moved
    inner join counted_registers
        on
            moved.account_id = counted_registers.account_id
            and moved.register_id = counted_registers.register_id

),

after_their_opening as (

    select
        account_id,
        register_id,
        happened_at,
        place,
        payment_type_id,
        shop_id,
        payments,
        paid_amount,
        added_amount,
        max(opened_at) over (
            partition by account_id, register_id
            order by happened_at asc nulls first, place asc nulls last
            rows between unbounded preceding and current row
        ) as opened_at
    from on_one_line

),

{# what is paid while a register is closed, as a bridge may do at night, is in no count #}
while_open as (

    select
        counts.account_id,
        counts.register_count_id,
        movements.payment_type_id,
        min(movements.shop_id) as first_shop_id,
        max(movements.shop_id) as last_shop_id,
        sum(movements.payments) as payments,
        sum(movements.paid_amount) as paid_amount,
        sum(movements.added_amount) as added_amount
    from after_their_opening as movements
    inner join counts
        on
            movements.account_id = counts.account_id
            and movements.register_id = counts.register_id
            and movements.opened_at = counts.opened_at
    where
        movements.place = 1
        and movements.happened_at < counts.closed_at
    group by
        counts.account_id,
        counts.register_count_id,
        movements.payment_type_id

),

{# a register may have been moved since: its closing is of the shop whose tickets it took, else of its shop of today #}
shops_of_closings as (

    select
        counts.account_id,
        counts.register_count_id,
        coalesce(
            case
                when min(while_open.first_shop_id) = max(while_open.last_shop_id)
                    then nullif(min(while_open.first_shop_id), 0)
            end,
            max(registers.shop_id)
        ) as shop_id
    from counts
    left join registers
        on
            counts.account_id = registers.account_id
            and counts.register_id = registers.register_id
    left join while_open
        on
            counts.account_id = while_open.account_id
            and counts.register_count_id = while_open.register_count_id
    group by
        counts.account_id,
        counts.register_count_id

),

{# an amount that a count does not tell is not nothing: over or short of it is not known #}
closed_amounts as (

    select
        coalesce(amounts.account_id, while_open.account_id) as account_id,
        coalesce(amounts.register_count_id, while_open.register_count_id) as register_count_id,
        coalesce(amounts.payment_type_id, while_open.payment_type_id, 0) as payment_type_id,
        amounts.register_count_id is not null as is_counted,
        case when amounts.register_count_id is null then 0 else amounts.counted_amount end as counted_amount,
        case when amounts.register_count_id is null then 0 else amounts.calculated_amount end as calculated_amount,
        coalesce(while_open.payments, 0) as payments,
        coalesce(while_open.paid_amount, 0) as paid_amount,
        coalesce(while_open.added_amount, 0) as added_amount
    from amounts
    full outer join while_open
        on
            amounts.account_id = while_open.account_id
            and amounts.register_count_id = while_open.register_count_id
            and amounts.payment_type_id = while_open.payment_type_id

),

in_local_time as (

    select
        closed_amounts.*,
        counts.register_id,
        registers.register_name,
        coalesce(shops_of_closings.shop_id, 0) as shop_id,
        locations.location_name,
        locations.currency,
        counts.open_employee_id,
        counts.close_employee_id,
        counts.opened_at,
        counts.closed_at,
        {{ local_time('counts.opened_at', "coalesce(zones_of_opening.time_zone, 'UTC')") }} as opened_local_at,
        {{ local_time('counts.closed_at', "coalesce(zones_of_closing.time_zone, 'UTC')") }} as closed_local_at
    from closed_amounts
    inner join counts
        on
            closed_amounts.account_id = counts.account_id
            and closed_amounts.register_count_id = counts.register_count_id
    left join registers
        on
            counts.account_id = registers.account_id
            and counts.register_id = registers.register_id
    left join shops_of_closings
        on
            counts.account_id = shops_of_closings.account_id
            and counts.register_count_id = shops_of_closings.register_count_id
    left join locations
        on
            shops_of_closings.account_id = locations.account_id
            and shops_of_closings.shop_id = locations.shop_id
    left join zones as zones_of_opening
        on
            shops_of_closings.account_id = zones_of_opening.account_id
            and shops_of_closings.shop_id = zones_of_opening.shop_id
            and {{ holds_at('zones_of_opening', 'counts.opened_at') }}
    left join zones as zones_of_closing
        on
            shops_of_closings.account_id = zones_of_closing.account_id
            and shops_of_closings.shop_id = zones_of_closing.shop_id
            and {{ holds_at('zones_of_closing', 'counts.closed_at') }}

)

select
    closings.account_id,
    closings.register_count_id,
    closings.payment_type_id,
    coalesce(payment_types.name, concat('unknown payment type ', cast(closings.payment_type_id as varchar)))
        as payment_type_name,
    coalesce(payment_types.payment_kind, 'unknown') as payment_kind,
    closings.shop_id,
    closings.location_name,
    closings.currency,
    closings.register_id,
    coalesce(closings.register_name, concat('unknown register ', cast(closings.register_id as varchar)))
        as register_name,
    nullif(closings.open_employee_id, 0) as open_employee_id,
    nullif(closings.close_employee_id, 0) as close_employee_id,
    closings.opened_at,
    closings.closed_at,
    closings.opened_local_at,
    closings.closed_local_at,
    {{ business_date('closings.opened_local_at') }} as opened_date,
    {{ business_date('closings.closed_local_at') }} as business_date,
    closings.is_counted,
    cast(closings.payments as bigint) as payments,
    cast(closings.paid_amount as decimal(18, 4)) as paid_amount,
    cast(closings.added_amount as decimal(18, 4)) as added_amount,
    cast(closings.paid_amount + closings.added_amount as decimal(18, 4)) as expected_amount,
    cast(closings.calculated_amount as decimal(18, 4)) as calculated_amount,
    cast(closings.counted_amount as decimal(18, 4)) as counted_amount,
    cast(closings.counted_amount - closings.calculated_amount as decimal(18, 4)) as over_short_amount,
    cast(closings.calculated_amount - closings.paid_amount - closings.added_amount as decimal(18, 4))
        as calculation_difference
from in_local_time as closings
left join payment_types
    on
        closings.account_id = payment_types.account_id
        and closings.payment_type_id = payment_types.payment_type_id
