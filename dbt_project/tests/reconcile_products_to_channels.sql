{# each day of an account comes to the same by product as by channel; costs of online goods may have more decimals #}
{% set measures = [
    'units_sold', 'units_returned', 'gross_sales', 'discounts', 'returns', 'net_sales', 'shipping_sales', 'tax',
    'total_sales'
] %}

with by_product as (

    select
        account_id,
        currency,
        business_date,
        {% for measure in measures %}
            sum({{ measure }}) as {{ measure }},
        {% endfor %}
        sum(cost_of_goods) as cost_of_goods
    from {{ ref('revenue_by_product_daily') }}
    group by
        account_id,
        currency,
        business_date

),

{# a day on which orders were placed that nothing was ever booked of has no event #}
by_channel as (

    select
        account_id,
        currency,
        business_date,
        {% for measure in measures %}
            sum({{ measure }}) as {{ measure }},
        {% endfor %}
        sum(cost_of_goods) as cost_of_goods
    from {{ ref('revenue_by_channel_daily') }}
    group by
        account_id,
        currency,
        business_date

)

select
    coalesce(by_product.account_id, by_channel.account_id) as account_id,
    coalesce(by_product.business_date, by_channel.business_date) as business_date,
    by_product.net_sales as product_amount,
    by_channel.net_sales as channel_amount
from by_product
full outer join by_channel
    on
        by_product.account_id = by_channel.account_id
        and by_product.currency = by_channel.currency
        and by_product.business_date = by_channel.business_date
where
    abs(coalesce(by_product.cost_of_goods, 0) - coalesce(by_channel.cost_of_goods, 0)) >= 0.005
    {% for measure in measures %}
        or coalesce(by_product.{{ measure }}, 0) <> coalesce(by_channel.{{ measure }}, 0)
    {% endfor %}
