{#
    The tills' tickets. What a bridge rings up for an online order that is loaded nobody sold: it is kept apart, so that
    ratios are of people, and both together sum to revenue_by_location_daily.
#}
with events as (

    select *
    from {{ ref('fct_sales_events') }}
    where source = 'lightspeed'

),

orders as (

    select *
    from {{ ref('fct_orders') }}
    where source = 'lightspeed'

),

hours as (

    select *
    from {{ ref('int_lightspeed__employee_hours') }}

),

accounts_with_hours as (

    select account_id
    from {{ ref('stg_lightspeed__complete_reads') }}
    where table_name = 'employee_hours'

),

{#
    What a line adds is its seller's: the line's employee, else the ticket's. What the header's rounding adds is the
    ticket's. A ticket with units of two sellers is a transaction of each.
#}
sold as (

    select
        account_id,
        shop_id,
        coalesce(employee_id, 0) as employee_id,
        business_date,
        count(distinct case when event_type = 'sale' and quantity > 0 then order_id end) as transactions,
        count(distinct case when event_type = 'return' then order_id end) as return_tickets,
        sum(case when event_type = 'sale' and quantity > 0 then 1 else 0 end) as lines_sold,
        sum(case when event_type = 'sale' and quantity > 0 and discount_amount > 0 then 1 else 0 end)
            as lines_discounted,
        sum(case when event_type = 'return' then 0 else quantity end) as units_sold,
        sum(case when event_type = 'return' then -quantity else 0 end) as units_returned,
        sum(gross_amount) as gross_sales,
        sum(discount_amount) as discounts,
        sum(return_amount) as returns,
        sum(net_amount) as net_sales,
        sum(cost_amount) as cost_of_goods
    from events
    where include_in_revenue
    group by
        account_id,
        shop_id,
        coalesce(employee_id, 0),
        business_date

),

copied as (

    select
        account_id,
        shop_id,
        coalesce(employee_id, 0) as employee_id,
        business_date,
        sum(net_amount) as mirror_net_sales
    from events
    where not include_in_revenue
    group by
        account_id,
        shop_id,
        coalesce(employee_id, 0),
        business_date

),

processed as (

    select
        account_id,
        shop_id,
        coalesce(employee_id, 0) as employee_id,
        business_date,
        sum(case when is_mirror then 0 else transactions end) as transactions_processed,
        sum(case when is_mirror then transactions else 0 end) as mirror_transactions_processed
    from orders
    group by
        account_id,
        shop_id,
        coalesce(employee_id, 0),
        business_date

),

held_days as (

    {{ days_of_held_orders_alone('orders', 'shop') }}

),

{# a day with hours and no sale is a row as well, and so is a ticket that sells nothing #}
keys as (

    select
        account_id,
        shop_id,
        employee_id,
        business_date
    from sold

    union

    select
        account_id,
        shop_id,
        employee_id,
        business_date
    from copied

    union

    select
        account_id,
        shop_id,
        employee_id,
        business_date
    from processed

    union

    select
        hours.account_id,
        hours.shop_id,
        hours.employee_id,
        hours.business_date
    from hours
    inner join accounts_with_hours on hours.account_id = accounts_with_hours.account_id

    union

    select
        account_id,
        shop_id,
        0 as employee_id,
        business_date
    from held_days

),

incomplete_days as (

    {{ incomplete_days('shop') }}

),

final as (

    select
        keys.account_id,
        keys.shop_id,
        locations.location_name,
        locations.currency,
        keys.employee_id,
        {{ employee_label('keys.employee_id', 'employees.employee_name') }} as employee_name,
        keys.business_date,
        incomplete_days.account_id is null as is_complete,
        coalesce(sold.transactions, 0) as transactions,
        coalesce(processed.transactions_processed, 0) as transactions_processed,
        coalesce(processed.mirror_transactions_processed, 0) as mirror_transactions_processed,
        coalesce(sold.return_tickets, 0) as return_tickets,
        coalesce(sold.lines_sold, 0) as lines_sold,
        coalesce(sold.lines_discounted, 0) as lines_discounted,
        coalesce(sold.units_sold, 0) as units_sold,
        coalesce(sold.units_returned, 0) as units_returned,
        coalesce(sold.gross_sales, 0) as gross_sales,
        coalesce(sold.discounts, 0) as discounts,
        coalesce(sold.returns, 0) as returns,
        coalesce(sold.net_sales, 0) as net_sales,
        coalesce(copied.mirror_net_sales, 0) as mirror_net_sales,
        coalesce(sold.cost_of_goods, 0) as cost_of_goods,
        {# nobody knows the hours of an account whose clock-ins were never read: that is not 0 #}
        case
            when accounts_with_hours.account_id is not null
                then coalesce({{ divided('hours.seconds_worked', '3600') }}, 0)
        end as hours_worked,
        case
            when accounts_with_hours.account_id is not null then coalesce(hours.clock_ins_without_hours, 0)
        end as clock_ins_without_hours
    from keys
    left join incomplete_days on {{ is_same_day('keys', 'incomplete_days', 'shop') }}
    left join sold
        on
            keys.account_id = sold.account_id
            and keys.shop_id = sold.shop_id
            and keys.employee_id = sold.employee_id
            and keys.business_date = sold.business_date
    left join copied
        on
            keys.account_id = copied.account_id
            and keys.shop_id = copied.shop_id
            and keys.employee_id = copied.employee_id
            and keys.business_date = copied.business_date
    left join processed
        on
            keys.account_id = processed.account_id
            and keys.shop_id = processed.shop_id
            and keys.employee_id = processed.employee_id
            and keys.business_date = processed.business_date
    left join accounts_with_hours on keys.account_id = accounts_with_hours.account_id
    left join hours
        on
            keys.account_id = hours.account_id
            and keys.shop_id = hours.shop_id
            and keys.employee_id = hours.employee_id
            and keys.business_date = hours.business_date
    left join {{ ref('dim_employees') }} as employees
        on
            keys.account_id = employees.account_id
            and keys.employee_id = employees.employee_id
    left join {{ ref('dim_locations') }} as locations
        on
            keys.account_id = locations.account_id
            and keys.shop_id = locations.shop_id

)

select
    account_id,
    shop_id,
    location_name,
    currency,
    employee_id,
    employee_name,
    business_date,
    is_complete,
    cast(transactions as bigint) as transactions,
    cast(transactions_processed as bigint) as transactions_processed,
    cast(mirror_transactions_processed as bigint) as mirror_transactions_processed,
    cast(return_tickets as bigint) as return_tickets,
    cast(lines_sold as bigint) as lines_sold,
    cast(lines_discounted as bigint) as lines_discounted,
    cast(units_sold as decimal(18, 4)) as units_sold,
    cast(units_returned as decimal(18, 4)) as units_returned,
    cast(gross_sales as decimal(28, 10)) as gross_sales,
    cast(discounts as decimal(28, 10)) as discounts,
    cast(returns as decimal(28, 10)) as returns,
    cast(net_sales as decimal(28, 10)) as net_sales,
    cast(mirror_net_sales as decimal(28, 10)) as mirror_net_sales,
    cast(cost_of_goods as decimal(28, 10)) as cost_of_goods,
    cast(net_sales - cost_of_goods as decimal(28, 10)) as gross_margin,
    cast(hours_worked as decimal(18, 4)) as hours_worked,
    cast(clock_ins_without_hours as bigint) as clock_ins_without_hours
from final
