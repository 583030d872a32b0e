-- How much comes over which channel, and is any of it from a source that nobody has named yet?
select
    channels.channel_name,
    revenue.sub_channel,
    revenue.currency,
    cast(date_trunc('month', revenue.business_date) as date) as month_start_date,
    sum(revenue.orders) as orders,
    sum(revenue.net_sales) as net_sales
from revenue_by_channel_daily as revenue
inner join dim_channels as channels on revenue.channel = channels.channel
group by
    channels.channel_name,
    revenue.sub_channel,
    revenue.currency,
    date_trunc('month', revenue.business_date)
order by
    month_start_date desc nulls last,
    net_sales desc nulls last
