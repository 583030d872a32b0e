{# the tills' tickets, as in revenue_by_location_daily: every day sums to that mart #}
with tickets as (

    select
        orders.account_id,
        orders.shop_id,
        orders.location_name,
        orders.time_zone,
        orders.currency,
        orders.business_date,
        cast(extract(hour from orders.completed_local_at) as integer) as local_hour,
        {# a copy of an online order is one as well; goods of one that were brought back were rung up in the shop #}
        channels.is_online or coalesce(orders.is_mirror and orders.mirror_rule <> 'R5', false) as is_online,
        orders.transactions,
        orders.units_sold,
        orders.units_returned,
        orders.net_amount
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('dim_channels') }} as channels on orders.channel = channels.channel
    where orders.source = 'lightspeed'

),

hours_of_a_day as (

    {{ whole_numbers('local_hour', 0, 23) }}

),

half_hours as (

    {{ whole_numbers('half_hour', -4, 51) }}

),

sums as (

    select
        account_id,
        shop_id,
        business_date,
        local_hour,
        count(*) as tickets,
        sum(transactions) as transactions,
        sum(units_sold) as units_sold,
        sum(units_returned) as units_returned,
        sum(net_amount) as net_sales,
        sum(case when is_online then 1 else 0 end) as online_tickets,
        sum(case when is_online then transactions else 0 end) as online_transactions,
        sum(case when is_online then net_amount else 0 end) as online_net_sales
    from tickets
    group by
        account_id,
        shop_id,
        business_date,
        local_hour

),

held_days as (

    {{ days_of_held_orders_alone('tickets', 'shop') }}

),

{#
    Nobody tells when a shop was open: it was from the hour of its first ticket of the day to that of its last. Online
    tickets come at any hour and open no shop.
#}
shop_days as (

    select
        account_id,
        shop_id,
        business_date,
        max(location_name) as location_name,
        max(coalesce(time_zone, 'UTC')) as time_zone,
        max(currency) as currency,
        min(case when not is_online then {{ hour_of_the_day('local_hour') }} end) as first_hour,
        max(case when not is_online then {{ hour_of_the_day('local_hour') }} end) as last_hour,
        cast(null as integer) as held_hour
    from tickets
    group by
        account_id,
        shop_id,
        business_date

    union all

    select
        account_id,
        shop_id,
        business_date,
        location_name,
        coalesce(time_zone, 'UTC') as time_zone,
        currency,
        cast(null as integer) as first_hour,
        cast(null as integer) as last_hour,
        local_hour as held_hour
    from held_days

),

incomplete_days as (

    {{ incomplete_days('shop') }}

),

zone_days as (

    select distinct
        time_zone,
        business_date
    from shop_days

),

{# the clock's hours as they really went by: counted in UTC by halves, for zones that lie, or change, by half an hour #}
moments as (

    select
        zone_days.time_zone,
        zone_days.business_date,
        {{ local_time(
            utc_time(day_start('zone_days.business_date'), 'zone_days.time_zone')
            ~ " + half_hours.half_hour * interval '30' minute",
            'zone_days.time_zone'
        ) }} as local_moment
    from zone_days
    cross join half_hours

),

elapsed as (

    select
        time_zone,
        business_date,
        cast(extract(hour from local_moment) as integer) as local_hour,
        cast(count(*) as decimal(18, 4)) * 0.5 as elapsed_hours
    from moments
    where {{ business_date('local_moment') }} = business_date
    group by
        time_zone,
        business_date,
        cast(extract(hour from local_moment) as integer)

),

final as (

    select
        shop_days.*,
        incomplete_days.account_id is null as is_complete,
        hours_of_a_day.local_hour,
        coalesce(elapsed.elapsed_hours, 0) as elapsed_hours,
        coalesce(
            {{ hour_of_the_day('hours_of_a_day.local_hour') }} between shop_days.first_hour and shop_days.last_hour,
            false
        ) as is_within_hours,
        coalesce(sums.tickets, 0) as tickets,
        coalesce(sums.transactions, 0) as transactions,
        coalesce(sums.units_sold, 0) as units_sold,
        coalesce(sums.units_returned, 0) as units_returned,
        coalesce(sums.net_sales, 0) as net_sales,
        coalesce(sums.online_tickets, 0) as online_tickets,
        coalesce(sums.online_transactions, 0) as online_transactions,
        coalesce(sums.online_net_sales, 0) as online_net_sales
    from shop_days
    cross join hours_of_a_day
    left join incomplete_days on {{ is_same_day('shop_days', 'incomplete_days', 'shop') }}
    left join elapsed
        on
            shop_days.time_zone = elapsed.time_zone
            and shop_days.business_date = elapsed.business_date
            and hours_of_a_day.local_hour = elapsed.local_hour
    left join sums
        on
            shop_days.account_id = sums.account_id
            and shop_days.shop_id = sums.shop_id
            and shop_days.business_date = sums.business_date
            and hours_of_a_day.local_hour = sums.local_hour

)

select
    account_id,
    shop_id,
    location_name,
    time_zone,
    currency,
    business_date,
    is_complete,
    {{ iso_weekday('business_date') }} as iso_weekday,
    local_hour,
    is_within_hours and elapsed_hours > 0 as is_trading,
    cast(elapsed_hours as decimal(18, 4)) as elapsed_hours,
    cast(tickets as bigint) as tickets,
    cast(transactions as bigint) as transactions,
    cast(units_sold as decimal(18, 4)) as units_sold,
    cast(units_returned as decimal(18, 4)) as units_returned,
    cast(net_sales as decimal(18, 4)) as net_sales,
    cast(online_tickets as bigint) as online_tickets,
    cast(online_transactions as bigint) as online_transactions,
    cast(online_net_sales as decimal(18, 4)) as online_net_sales
from final
where
    is_within_hours
    or tickets > 0
    or held_hour = local_hour
