with touched as (

    select
        account_id,
        sale_id,
        cast(sale_id as varchar) as order_id
    from {{ ref('stg_tillhouse__touched_sales') }}

),

was_orders as (

    select *
    from {{ ref('stg_tillhouse__published_orders') }}

),

is_orders as (

    select orders.*
    from {{ ref('fct_orders') }} as orders
    inner join touched
        on
            orders.account_id = touched.account_id
            and orders.order_id = touched.order_id
    where orders.source = 'lightspeed'

),

is_lines as (

    select
        events.account_id,
        events.order_id,
        count(*) as lines
    from {{ ref('fct_sales_events') }} as events
    inner join touched
        on
            events.account_id = touched.account_id
            and events.order_id = touched.order_id
    where
        events.source = 'lightspeed'
        and events.event_type <> 'rounding'
    group by
        events.account_id,
        events.order_id

),

was_payments as (

    select *
    from {{ ref('stg_tillhouse__published_order_payments') }}

),

is_payments as (

    select
        payments.account_id,
        payments.order_id,
        payments.shop_id,
        payments.business_date,
        coalesce(payments.payment_type_id, 0) as payment_type_id,
        sum(payments.amount) as amount
    from {{ ref('fct_payments') }} as payments
    inner join touched
        on
            payments.account_id = touched.account_id
            and payments.order_id = touched.order_id
    where payments.source = 'lightspeed'
    group by
        payments.account_id,
        payments.order_id,
        payments.shop_id,
        payments.business_date,
        coalesce(payments.payment_type_id, 0)

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

{# most of what a night reads again is as it was: only what differs goes on #}
side_by_side as (

    select
        touched.account_id,
        touched.order_id,
        was_orders.order_id is not null as was_counted,
        is_orders.order_id is not null as is_counted,
        was_orders.shop_id as was_shop_id,
        is_orders.shop_id as is_shop_id,
        was_orders.business_date as was_date,
        is_orders.business_date as is_date,
        coalesce(was_orders.lines, 0) as was_lines,
        coalesce(is_lines.lines, 0) as is_lines,
        coalesce(sales.is_voided, false) as is_voided,
        coalesce(sales.is_archived, false) as is_archived,
        {% for column in daily_measures().values() %}
            coalesce(was_orders.{{ column }}, 0) as was_{{ column }},
            coalesce(is_orders.{{ column }}, 0) as is_{{ column }},
        {% endfor %}
        cast({{ local_time('sales.created_at', "coalesce(zones.time_zone, 'UTC')") }} as date) as created_date
    from touched
    left join was_orders
        on
            touched.account_id = was_orders.account_id
            and touched.order_id = was_orders.order_id
    left join is_orders
        on
            touched.account_id = is_orders.account_id
            and touched.order_id = is_orders.order_id
    left join is_lines
        on
            touched.account_id = is_lines.account_id
            and touched.order_id = is_lines.order_id
    left join sales
        on
            touched.account_id = sales.account_id
            and touched.sale_id = sales.sale_id
    left join {{ ref('int_lightspeed__shop_zones') }} as zones
        on
            is_orders.account_id = zones.account_id
            and is_orders.shop_id = zones.shop_id
            and {{ holds_at('zones', 'sales.created_at') }}

),

moved_orders as (

    select *
    from side_by_side
    where
        {% for column in daily_measures().values() %}
            was_{{ column }} <> is_{{ column }}
            or
        {% endfor %}
        was_shop_id is distinct from is_shop_id
        or was_date is distinct from is_date

),

contributions as (

    {% for measure, column in daily_measures().items() %}
        {% for side, sign in {'was': '-', 'is': ''}.items() %}
            select
                account_id,
                order_id,
                {{ side }}_shop_id as shop_id,
                {{ side }}_date as business_date,
                '{{ measure }}' as measure,
                cast(0 as bigint) as payment_type_id,
                cast({{ sign }}{{ side }}_{{ column }} as decimal(38, 4)) as amount
            from moved_orders
            where {{ side }}_counted

            union all

        {% endfor %}
    {% endfor %}

    select
        account_id,
        order_id,
        shop_id,
        business_date,
        'payments' as measure,
        payment_type_id,
        -amount as amount
    from was_payments

    union all

    select
        account_id,
        order_id,
        shop_id,
        business_date,
        'payments' as measure,
        payment_type_id,
        amount
    from is_payments

),

differences as (

    select
        account_id,
        order_id,
        shop_id,
        business_date,
        measure,
        payment_type_id,
        sum(amount) as difference
    from contributions
    group by
        account_id,
        order_id,
        shop_id,
        business_date,
        measure,
        payment_type_id
    having sum(amount) <> 0

),

totals as (

    select
        differences.*,
        sum(difference) over (partition by account_id, order_id, measure) as total_difference
    from differences

),

final as (

    select
        totals.account_id,
        totals.order_id,
        totals.shop_id,
        totals.business_date,
        totals.measure,
        totals.payment_type_id,
        totals.difference,
        case
            when facts.is_voided then 'voided'
            when facts.is_archived then 'archived'
            when facts.was_counted and not facts.is_counted then 'reopened'
            when facts.is_counted and not facts.was_counted and facts.created_date > facts.is_date then 'back-dated'
            when facts.is_counted and not facts.was_counted then 'arrived late'
            when facts.was_shop_id <> facts.is_shop_id then 'moved to another shop'
            when facts.is_date < facts.was_date then 'back-dated'
            when facts.is_date > facts.was_date then 'moved to a later day'
            when totals.measure = 'payments' and totals.total_difference = 0 then 'payment re-typed'
            when totals.measure = 'payments' then 'payment added or undone'
            when facts.is_lines < facts.was_lines then 'line removed'
            else 'edited after close'
        end as reason
    from totals
    inner join side_by_side as facts
        on
            totals.account_id = facts.account_id
            and totals.order_id = facts.order_id

)

select * from final
