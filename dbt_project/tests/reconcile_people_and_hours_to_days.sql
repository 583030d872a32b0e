{#
    Each shop's day comes to the same by seller, by hour and by location. Copies of online orders have no seller: what they
    add is taken from the ledger.
#}
{% set copied = {
    'units_sold': "case when event_type = 'return' then 0 else quantity end",
    'units_returned': "case when event_type = 'return' then -quantity else 0 end",
    'gross_sales': 'gross_amount',
    'discounts': 'discount_amount',
    'returns': 'return_amount',
    'cost_of_goods': 'cost_amount',
    'gross_margin': 'net_amount - cost_amount',
} %}

with parts as (

    {% for measure in [
        'units_sold', 'units_returned', 'gross_sales', 'discounts', 'returns', 'net_sales', 'cost_of_goods',
        'gross_margin'
    ] %}
        select
            'seller' as told_by,
            account_id,
            shop_id,
            business_date,
            '{{ measure }}' as measure,
            {{ 'net_sales + mirror_net_sales' if measure == 'net_sales' else measure }} as amount
        from {{ ref('employee_sales_daily') }}

        union all

    {% endfor %}

    {% for measure, amount in copied.items() %}
        select
            'seller' as told_by,
            account_id,
            shop_id,
            business_date,
            '{{ measure }}' as measure,
            {{ amount }} as amount
        from {{ ref('fct_sales_events') }}
        where
            source = 'lightspeed'
            and not include_in_revenue

        union all

    {% endfor %}

    {% for measure in ['transactions', 'units_sold', 'units_returned', 'net_sales'] %}
        select
            'hour' as told_by,
            account_id,
            shop_id,
            business_date,
            '{{ measure }}' as measure,
            {{ measure }} as amount
        from {{ ref('sales_by_hour') }}

        union all

    {% endfor %}

    select
        'seller' as told_by,
        account_id,
        shop_id,
        business_date,
        'transactions' as measure,
        transactions_processed + mirror_transactions_processed as amount
    from {{ ref('employee_sales_daily') }}

),

sums as (

    select
        told_by,
        account_id,
        shop_id,
        business_date,
        measure,
        sum(amount) as amount
    from parts
    group by
        told_by,
        account_id,
        shop_id,
        business_date,
        measure

),

told as (

    select distinct
        told_by,
        measure
    from sums

),

days as (

    select
        told.told_by,
        measures.account_id,
        measures.shop_id,
        measures.business_date,
        measures.measure,
        measures.amount
    from {{ ref('int_daily_measures') }} as measures
    inner join told on measures.measure = told.measure

)

select
    coalesce(days.told_by, sums.told_by) as told_by,
    coalesce(days.account_id, sums.account_id) as account_id,
    coalesce(days.shop_id, sums.shop_id) as shop_id,
    coalesce(days.business_date, sums.business_date) as business_date,
    coalesce(days.measure, sums.measure) as measure,
    days.amount as location_amount,
    sums.amount as part_amount
from days
full outer join sums
    on
        days.told_by = sums.told_by
        and days.account_id = sums.account_id
        and days.shop_id = sums.shop_id
        and days.business_date = sums.business_date
        and days.measure = sums.measure
{# a day of hours alone has no sales, and is no day of the location #}
where coalesce(days.amount, 0) <> coalesce(sums.amount, 0)
