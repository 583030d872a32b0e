-- At which hour of which weekday do shops sell most, by what it brings each time that one trades?
with hours as (

    select
        currency,
        iso_weekday,
        dayname(business_date) as weekday_name,
        local_hour,
        sum(elapsed_hours) as hours_traded,
        sum(transactions - online_transactions) as transactions,
        sum(net_sales - online_net_sales) as net_sales
    from sales_by_hour
    where is_trading
    group by
        currency,
        iso_weekday,
        dayname(business_date),
        local_hour

),

-- an hour that shops keep seldom is known by its one late ticket, which would make it the best of all
kept as (

    select
        *,
        hours_traded * 2 >= max(hours_traded) over (partition by currency, iso_weekday) as is_kept
    from hours

),

ranked as (

    select
        *,
        row_number() over (
            partition by currency, is_kept
            order by net_sales / hours_traded desc nulls last, iso_weekday asc nulls last, local_hour asc nulls last
        ) as place
    from kept

)

select
    currency,
    weekday_name,
    local_hour,
    hours_traded,
    transactions,
    net_sales,
    round(cast(transactions as double) / cast(hours_traded as double), 2) as transactions_an_hour,
    round(cast(net_sales as double) / cast(hours_traded as double), 2) as net_sales_an_hour
from ranked
where
    is_kept
    and place <= 10
order by
    currency asc nulls last,
    place asc nulls last
