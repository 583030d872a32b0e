{{ config(materialized='table') }}

with lines as (

    select *
    from {{ ref('stg_lightspeed__sale_lines') }}

),

sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

),

tax_readings as (

    select *
    from {{ ref('int_lightspeed__tax_readings') }}

),

{# money onto a gift card is a payment of a negative amount: nothing is sold until the card is used #}
gift_card_loads as (

    select distinct
        payments.account_id,
        payments.sale_id
    from {{ ref('stg_lightspeed__sale_payments') }} as payments
    inner join {{ ref('stg_lightspeed__payment_types') }} as payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    where
        payment_types.payment_kind = 'gift card'
        and payments.amount < 0
        and not coalesce(payments.is_archived, false)

),

of_counted_sales as (

    select
        lines.*,
        sales.employee_id as sale_employee_id,
        lines.calc_total - lines.calc_tax1 - lines.calc_tax2 as net_amount,
        lines.calc_tax1 + lines.calc_tax2 as tax_amount,
        {# a price that holds its tax is freed of it, to four decimals #}
        case
            when
                sales.is_tax_inclusive
                and coalesce(tax_readings.subtotal_holds_tax, true)
                and coalesce(lines.is_taxed, false)
                then {{ divided('lines.calc_subtotal', '1 + lines.tax1_rate + lines.tax2_rate') }}
            else lines.calc_subtotal
        end as gross_amount,
        {# an item fee names the line that it belongs to as its parent: a parent alone is no return #}
        case
            when coalesce(lines.item_fee_id, 0) <> 0 or coalesce(lines.line_type, '') like 'item_fee%' then 'item_fee'
            when
                gift_card_loads.sale_id is not null
                and coalesce(lines.item_id, 0) = 0
                and lines.unit_price = 0
                then 'gift_card_load'
            when lines.quantity < 0 then 'return'
            else 'sale'
        end as event_type
    from lines
    inner join sales
        on
            lines.account_id = sales.account_id
            and lines.sale_id = sales.sale_id
    left join tax_readings on lines.account_id = tax_readings.account_id
    left join gift_card_loads
        on
            lines.account_id = gift_card_loads.account_id
            and lines.sale_id = gift_card_loads.sale_id

),

final as (

    select
        account_id,
        sale_id,
        sale_line_id,
        event_type,
        nullif(item_id, 0) as item_id,
        coalesce(nullif(employee_id, 0), sale_employee_id) as employee_id,
        nullif(discount_id, 0) as discount_id,
        case when event_type in ('sale', 'return') then quantity else 0 end as quantity,
        {# a return gives back what was paid for: its discount goes with it #}
        case when quantity < 0 then 0 else gross_amount end as gross_amount,
        case when quantity < 0 then 0 else gross_amount - net_amount end as discount_amount,
        case when quantity < 0 then -net_amount else 0 end as return_amount,
        net_amount,
        tax_amount,
        calc_total as total_amount,
        {# a cost is of one unit; both are kept, and the one that the account is configured for is the cost #}
        {{ 'fifo_cost' if var('cost_basis') == 'fifo' else 'avg_cost' }} * quantity as cost_amount,
        avg_cost * quantity as average_cost_amount,
        fifo_cost * quantity as fifo_cost_amount
    from of_counted_sales

)

select
    account_id,
    sale_id,
    sale_line_id,
    event_type,
    item_id,
    employee_id,
    discount_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(gross_amount as decimal(28, 10)) as gross_amount,
    cast(discount_amount as decimal(28, 10)) as discount_amount,
    cast(return_amount as decimal(28, 10)) as return_amount,
    cast(net_amount as decimal(28, 10)) as net_amount,
    cast(tax_amount as decimal(28, 10)) as tax_amount,
    cast(total_amount as decimal(28, 10)) as total_amount,
    cast(cost_amount as decimal(28, 10)) as cost_amount,
    cast(average_cost_amount as decimal(28, 10)) as average_cost_amount,
    cast(fifo_cost_amount as decimal(28, 10)) as fifo_cost_amount
from final
