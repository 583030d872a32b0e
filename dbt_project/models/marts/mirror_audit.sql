with mirrors as (

    select
        account_id,
        order_id,
        rule,
        role,
        is_mirror,
        original_source,
        original_store_id,
        original_order_id
    from {{ ref('int_mirrors') }}

    union all

    select
        account_id,
        order_id,
        'R5' as rule,
        'return' as role,
        is_mirror,
        original_source,
        original_store_id,
        original_order_id
    from {{ ref('int_whole_store_returns') }}
    where is_mirror

),

orders as (

    select *
    from {{ ref('fct_orders') }}

),

originals as (

    select
        source,
        store_id,
        order_id,
        case when event_type in ('return', 'cancel') then 'return' else 'order' end as role,
        sum(total_amount + non_revenue_amount) as original_total,
        sum(quantity) as original_units
    from {{ ref('int_all_events') }}
    group by
        source,
        store_id,
        order_id,
        case when event_type in ('return', 'cancel') then 'return' else 'order' end

),

known_numbers as (

    select
        source,
        store_id,
        order_id,
        order_number
    from {{ ref('int_all_orders') }}

),

tickets as (

    select
        mirrors.*,
        orders.currency,
        orders.reference_number,
        orders.business_date,
        orders.total_amount as mirror_total,
        orders.units_sold - orders.units_returned as mirror_units,
        row_number() over (
            partition by
                mirrors.account_id, mirrors.original_source, mirrors.original_store_id, mirrors.original_order_id,
                mirrors.role, orders.total_amount, orders.units_sold
            order by orders.completed_at asc nulls last, orders.order_id asc nulls last
        ) > 1
        and orders.units_sold > 0
            as is_duplicate
    from mirrors
    inner join orders
        on
            orders.source = 'lightspeed'
            and mirrors.account_id = orders.account_id
            and mirrors.order_id = orders.order_id

),

sets as (

    select
        account_id,
        original_source,
        original_store_id,
        original_order_id,
        role,
        sum(case when is_duplicate then 0 else mirror_total end) as mirrored_total,
        sum(case when is_duplicate then 0 else mirror_units end) as mirrored_units
    from tickets
    where is_mirror
    group by
        account_id,
        original_source,
        original_store_id,
        original_order_id,
        role

)

select
    tickets.account_id,
    tickets.order_id,
    tickets.reference_number,
    tickets.business_date,
    tickets.currency,
    tickets.rule as mirror_rule,
    tickets.role as mirror_role,
    case
        when not tickets.is_mirror then 'suspected'
        when tickets.is_duplicate then 'duplicate'
        when abs(coalesce(originals.original_total, 0) - sets.mirrored_total) <= 0.02 then 'agrees'
        else 'differs'
    end as verdict,
    tickets.original_source,
    tickets.original_store_id,
    tickets.original_order_id,
    known_numbers.order_number as original_order_number,
    cast(tickets.mirror_total as decimal(18, 4)) as mirror_total,
    cast(coalesce(sets.mirrored_total, 0) as decimal(18, 4)) as mirrored_total,
    cast(coalesce(originals.original_total, 0) as decimal(18, 4)) as original_total,
    cast(coalesce(originals.original_total, 0) - coalesce(sets.mirrored_total, 0) as decimal(18, 4)) as variance,
    cast(coalesce(originals.original_units, 0) - coalesce(sets.mirrored_units, 0) as decimal(18, 4)) as unit_variance
from tickets
inner join known_numbers
    on
        tickets.original_source = known_numbers.source
        and tickets.original_store_id = known_numbers.store_id
        and tickets.original_order_id = known_numbers.order_id
left join sets
    on
        tickets.account_id = sets.account_id
        and tickets.original_source = sets.original_source
        and tickets.original_store_id = sets.original_store_id
        and tickets.original_order_id = sets.original_order_id
        and tickets.role = sets.role
left join originals
    on
        tickets.original_source = originals.source
        and tickets.original_store_id = originals.store_id
        and tickets.original_order_id = originals.order_id
        and tickets.role = originals.role
