{#
    What a shop's tenders come to in a day, less tips and what was paid for other days, plus what other days paid for
    it, is what the shop sold. What was left unpaid on its day and not settled since is what Lightspeed's own tickets lack:
a payment that got lost on the way, or came twice, would else pass for one that is owed. Cash may be rounded in either
direction, by no more than its tickets say.
#}
with tenders as (

    select
        account_id,
        shop_id,
        currency,
        business_date,
        sum(
            net_amount - tip_amount - deposit_amount - settled_amount + deposit_used_amount + unpaid_amount
        ) as amount
    from {{ ref('tender_mix_daily') }}
    where source = 'lightspeed'
    group by
        account_id,
        shop_id,
        currency,
        business_date

),

days as (

    select
        account_id,
        coalesce(shop_id, 0) as shop_id,
        coalesce(currency, 'XXX') as currency,
        business_date,
        total_sales as amount
    from {{ ref('revenue_by_location_daily') }}

),

cash_rounding as (

    select
        counted_sales.account_id,
        counted_sales.shop_id,
        counted_sales.business_date,
        sum(abs(sales.cash_rounding_delta)) as amount
    from {{ ref('int_lightspeed__counted_sales') }} as counted_sales
    inner join {{ ref('stg_lightspeed__sales') }} as sales
        on
            counted_sales.account_id = sales.account_id
            and counted_sales.sale_id = sales.sale_id
    group by
        counted_sales.account_id,
        counted_sales.shop_id,
        counted_sales.business_date

),

tickets as (

    select
        account_id,
        sale_id,
        shop_id,
        total_amount as amount
    from {{ ref('int_lightspeed__counted_sales') }}

),

ticket_payments as (

    select
        account_id,
        sale_id,
        sum(coalesce(amount, 0) - coalesce(tip_amount, 0)) as amount
    from {{ ref('stg_lightspeed__sale_payments') }}
    where not coalesce(is_archived, false)
    group by
        account_id,
        sale_id

),

lacking as (

    select
        tickets.account_id,
        tickets.shop_id,
        sum(coalesce(tickets.amount, 0) - coalesce(ticket_payments.amount, 0)) as amount
    from tickets
    left join ticket_payments
        on
            tickets.account_id = ticket_payments.account_id
            and tickets.sale_id = ticket_payments.sale_id
    group by
        tickets.account_id,
        tickets.shop_id

),

unpaid as (

    select
        account_id,
        shop_id,
        sum(unpaid_amount - settled_amount) as amount
    from {{ ref('tender_mix_daily') }}
    where source = 'lightspeed'
    group by
        account_id,
        shop_id

),

shop_rounding as (

    select
        account_id,
        shop_id,
        sum(amount) as amount
    from cash_rounding
    group by
        account_id,
        shop_id

),

side_by_side as (

    select
        'sold' as what,
        coalesce(tenders.account_id, days.account_id) as account_id,
        coalesce(tenders.shop_id, days.shop_id) as shop_id,
        coalesce(tenders.business_date, days.business_date) as business_date,
        coalesce(tenders.amount, 0) as tender_amount,
        coalesce(days.amount, 0) as source_amount,
        coalesce(cash_rounding.amount, 0) as rounded_by
    from tenders
    full outer join days
        on
            tenders.account_id = days.account_id
            and tenders.shop_id = days.shop_id
            and tenders.currency = days.currency
            and tenders.business_date = days.business_date
    left join cash_rounding
        on
            days.account_id = cash_rounding.account_id
            and days.shop_id = cash_rounding.shop_id
            and days.business_date = cash_rounding.business_date

    union all

    select
        'unpaid' as what,
        coalesce(unpaid.account_id, lacking.account_id) as account_id,
        coalesce(unpaid.shop_id, lacking.shop_id) as shop_id,
        cast(null as date) as business_date,
        coalesce(unpaid.amount, 0) as tender_amount,
        coalesce(lacking.amount, 0) as source_amount,
        coalesce(shop_rounding.amount, 0) as rounded_by
    from unpaid
    full outer join lacking
        on
            unpaid.account_id = lacking.account_id
            and unpaid.shop_id = lacking.shop_id
    left join shop_rounding
        on
            lacking.account_id = shop_rounding.account_id
            and lacking.shop_id = shop_rounding.shop_id

)

select
    what,
    account_id,
    shop_id,
    business_date,
    tender_amount,
    source_amount
from side_by_side
where abs(tender_amount - source_amount) > rounded_by
