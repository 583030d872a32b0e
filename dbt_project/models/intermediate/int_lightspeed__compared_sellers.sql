{#
    What sellers take off, beside what their colleagues do: an employee's week in a shop against all of the account in
    the window. Weeks with too few tickets to say anything are one period together, so that a small shop's sellers are
    compared as well; a period has min_tickets, whichever it is. What comes in online is nobody's to discount.
#}
with rules as (

    select *
    from {{ ref('exception_rules') }}
    where
        is_enabled
        and kind in ('discounts_far_above_peers', 'price_overrides_far_above_peers')

),

windows as (

    {{ exception_windows() }}

),

tickets as (

    select
        orders.account_id,
        cast(orders.order_id as bigint) as sale_id,
        orders.shop_id,
        orders.business_date
    from {{ ref('fct_orders') }} as orders
    inner join windows on orders.account_id = windows.account_id
    inner join {{ ref('dim_channels') }} as channels on orders.channel = channels.channel
    where
        orders.source = 'lightspeed'
        and orders.business_date > windows.before_date
        and not channels.is_online

),

lines as (

    select
        counted_lines.account_id,
        tickets.shop_id,
        counted_lines.employee_id,
        tickets.business_date,
        counted_lines.sale_id,
        counted_lines.quantity,
        counted_lines.gross_amount,
        counted_lines.discount_amount,
        {# below the normal price without a discount: a price typed over, or a price rule of the account's own #}
        coalesce(
            counted_lines.discount_id is null and sale_lines.unit_price < sale_lines.normal_unit_price,
            false
        ) as is_overridden,
        sale_lines.normal_unit_price - sale_lines.unit_price as unit_reduction
    from {{ ref('int_lightspeed__counted_lines') }} as counted_lines
    inner join tickets
        on
            counted_lines.account_id = tickets.account_id
            and counted_lines.sale_id = tickets.sale_id
    inner join {{ ref('stg_lightspeed__sale_lines') }} as sale_lines
        on
            counted_lines.account_id = sale_lines.account_id
            and counted_lines.sale_line_id = sale_lines.sale_line_id
    where
        counted_lines.event_type = 'sale'
        and counted_lines.quantity > 0
        and counted_lines.employee_id is not null

),

seller_weeks as (

    select
        account_id,
        shop_id,
        employee_id,
        cast(date_trunc('week', business_date) as date) as week_start_date,
        max(business_date) as business_date,
        count(distinct sale_id) as tickets,
        count(*) as line_count,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(case when is_overridden then 1 else 0 end) as overridden_lines,
        sum(case when is_overridden then unit_reduction * quantity else 0 end) as override_amount
    from lines
    group by
        account_id,
        shop_id,
        employee_id,
        cast(date_trunc('week', business_date) as date)

),

{# a kind has its own min_tickets, and so its own periods #}
weeks_by_kind as (

    select
        seller_weeks.*,
        rules.kind,
        rules.min_tickets,
        seller_weeks.tickets < rules.min_tickets as is_pooled
    from seller_weeks
    cross join rules

),

periods as (

    select
        account_id,
        kind,
        shop_id,
        employee_id,
        is_pooled,
        min(week_start_date) as first_week_date,
        max(week_start_date) as last_week_date,
        max(business_date) as business_date,
        sum(line_count) as line_count,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(overridden_lines) as overridden_lines,
        sum(override_amount) as override_amount
    from weeks_by_kind
    group by
        account_id,
        kind,
        shop_id,
        employee_id,
        is_pooled,
        case when not is_pooled then week_start_date end
    having sum(tickets) >= max(min_tickets)

),

seller_rates as (

    select
        *,
        case
            when kind = 'discounts_far_above_peers' then {{ divided('discount_amount', 'gross_amount') }}
            else {{ divided('overridden_lines', 'line_count') }}
        end as rate,
        case
            when kind = 'discounts_far_above_peers' then discount_amount
            else override_amount
        end as amount
    from periods

),

medians as (

    select
        account_id,
        kind,
        {{ median_of('rate') }} as peer_median
    from seller_rates
    where rate is not null
    group by
        account_id,
        kind

),

deviations as (

    select
        seller_rates.account_id,
        seller_rates.kind,
        {{ median_of('abs(seller_rates.rate - medians.peer_median)') }} as median_deviation,
        avg(abs(seller_rates.rate - medians.peer_median)) as mean_deviation
    from seller_rates
    inner join medians
        on
            seller_rates.account_id = medians.account_id
            and seller_rates.kind = medians.kind
    where seller_rates.rate is not null
    group by
        seller_rates.account_id,
        seller_rates.kind

),

{#
    Iglewicz and Hoaglin's robust z: by the median deviation, and by the mean one where more than half of the sellers are
    at the median itself.
#}
final as (

    select
        seller_rates.account_id,
        seller_rates.kind,
        seller_rates.shop_id,
        seller_rates.employee_id,
        seller_rates.is_pooled,
        seller_rates.first_week_date,
        seller_rates.last_week_date,
        seller_rates.business_date,
        seller_rates.amount,
        seller_rates.rate,
        medians.peer_median,
        coalesce(
            {{ divided('0.6745 * (seller_rates.rate - medians.peer_median)', 'deviations.median_deviation') }},
            {{ divided('seller_rates.rate - medians.peer_median', '1.253314 * deviations.mean_deviation') }}
        ) as robust_z
    from seller_rates
    inner join medians
        on
            seller_rates.account_id = medians.account_id
            and seller_rates.kind = medians.kind
    inner join deviations
        on
            seller_rates.account_id = deviations.account_id
            and seller_rates.kind = deviations.kind

)

select * from final
