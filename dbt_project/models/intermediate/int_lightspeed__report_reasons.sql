{# what a report may leave out or put elsewhere, as amounts of the day: a reason explains only the difference it is #}
with lines as (

    select *
    from {{ ref('int_lightspeed__report_lines') }}

),

payments as (

    select *
    from {{ ref('int_lightspeed__report_payments') }}

),

sales as (

    select
        sales.account_id,
        sales.sale_id,
        sales.shop_id,
        cast(sales.completed_local_at as date) as business_date,
        headers.cash_rounding_delta
    from {{ ref('int_lightspeed__counted_sales') }} as sales
    inner join {{ ref('stg_lightspeed__sales') }} as headers
        on
            sales.account_id = headers.account_id
            and sales.sale_id = headers.sale_id
    where coalesce(headers.cash_rounding_delta, 0) <> 0

),

open_deposits as (

    select
        account_id,
        shop_id,
        taken_date as business_date,
        'payments' as measure,
        payment_type_id as detail_id,
        'open deposits: payments on sales that are not completed' as reason,
        sum(amount) as amount
    from payments
    where not is_order_completed
    group by
        account_id,
        shop_id,
        taken_date,
        payment_type_id

),

paid_in_cash as (

    select distinct
        account_id,
        sale_id,
        payment_type_id
    from payments
    where payment_kind = 'cash'

),

signs as (

    select 1 as sign
    union all
    select -1 as sign

),

{# whether it adds or takes is not documented #}
cash_rounding as (

    select
        sales.account_id,
        sales.shop_id,
        sales.business_date,
        'payments' as measure,
        paid_in_cash.payment_type_id as detail_id,
        'cash rounding: what totals in cash were rounded by' as reason,
        sum(signs.sign * sales.cash_rounding_delta) as amount
    from sales
    inner join paid_in_cash
        on
            sales.account_id = paid_in_cash.account_id
            and sales.sale_id = paid_in_cash.sale_id
    cross join signs
    group by
        sales.account_id,
        sales.shop_id,
        sales.business_date,
        paid_in_cash.payment_type_id,
        signs.sign

),

{# by price or by what was paid, with the tax or without: whichever the account's subtotal follows #}
item_fees as (

    {% for column in ['asked_without_tax', 'paid_without_tax', 'asked_with_tax', 'paid_with_tax'] %}
        select
            account_id,
            shop_id,
            business_date,
            'subtotal' as measure,
            tax_class_id as detail_id,
            'the report''s own definition: item fees are no part of its subtotal' as reason,
            round(sum({{ column }}), 2) as amount
        from lines
        where is_item_fee
        group by
            account_id,
            shop_id,
            business_date,
            tax_class_id
        {% if not loop.last %}union{% endif %}
    {% endfor %}

),

single_reasons as (

    select *
    from open_deposits

    union all

    select *
    from cash_rounding

    union all

    select *
    from item_fees

),

{# two may meet on one day #}
met_on_one_day as (

    select
        one.account_id,
        one.shop_id,
        one.business_date,
        one.measure,
        one.detail_id,
        concat(one.reason, '; ', other.reason) as reason,
        one.amount + other.amount as amount
    from open_deposits as one
    inner join cash_rounding as other
        on
            one.account_id = other.account_id
            and one.shop_id = other.shop_id
            and one.business_date = other.business_date
            and one.detail_id = other.detail_id

),

final as (

    select *
    from single_reasons

    union all

    select *
    from met_on_one_day

)

select
    account_id,
    shop_id,
    business_date,
    measure,
    detail_id,
    reason,
    cast(amount as decimal(18, 4)) as amount
from final
where amount <> 0
