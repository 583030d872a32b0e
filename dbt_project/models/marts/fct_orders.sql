with orders as (

    select *
    from {{ ref('int_orders') }}

),

sums as (

    select
        source,
        store_id,
        order_id,
        sum(case when event_type in ('return', 'cancel') then 0 else quantity end) as units_sold,
        sum(case when event_type in ('return', 'cancel') then -quantity else 0 end) as units_returned,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(return_amount) as return_amount,
        sum(net_amount) as net_amount,
        sum(shipping_amount) as shipping_amount,
        sum(tax_amount) as tax_amount,
        sum(total_amount) as total_amount,
        sum(non_revenue_amount) as non_revenue_amount,
        sum(cost_amount) as cost_amount,
        sum(case when line_type = 'fee' then net_amount else 0 end) as fee_amount,
        {# an online store's tips are in its ledger, less what went back; a till's are in its payments #}
        sum(case when line_type = 'tip' then non_revenue_amount end) as ledger_tip_amount,
        max(case when line_type = 'gift_card' then 1 else 0 end) as gift_card_lines
    from {{ ref('fct_sales_events') }}
    group by
        source,
        store_id,
        order_id

),

joined as (

    select
        orders.*,
        coalesce(sums.units_sold, 0) as units_sold,
        coalesce(sums.units_returned, 0) as units_returned,
        coalesce(sums.gross_amount, 0) as gross_amount,
        coalesce(sums.discount_amount, 0) as discount_amount,
        coalesce(sums.return_amount, 0) as return_amount,
        coalesce(sums.net_amount, 0) as net_amount,
        coalesce(sums.shipping_amount, 0) as shipping_amount,
        coalesce(sums.tax_amount, 0) as tax_amount,
        coalesce(sums.total_amount, 0) as total_amount,
        coalesce(sums.non_revenue_amount, 0) as non_revenue_amount,
        coalesce(sums.cost_amount, 0) as cost_amount,
        coalesce(sums.fee_amount, 0) as fee_amount,
        sums.ledger_tip_amount,
        coalesce(sums.gift_card_lines, 0) as gift_card_lines
    from orders
    left join sums
        on
            orders.source = sums.source
            and orders.store_id = sums.store_id
            and orders.order_id = sums.order_id

)

select
    source,
    account_id,
    store_id,
    order_id,
    order_number,
    order_status,
    {# an exchange is one ticket; one that only takes back, loads a card or takes a deposit is no transaction #}
    case
        when units_sold > 0 and units_returned > 0 then 'exchange'
        when units_sold > 0 then 'sale'
        when units_returned > 0 then 'return'
        when gift_card_lines > 0 then 'gift_card_load'
        else 'payment_only'
    end as order_kind,
    cast(case when units_sold > 0 then 1 else 0 end as bigint) as transactions,
    shop_id,
    location_name,
    time_zone,
    currency,
    channel,
    sub_channel,
    fulfilment_method,
    fulfilment_location,
    fulfilment_shop_id,
    register_id,
    employee_id,
    customer_id,
    is_identified,
    buyer_key,
    reference_number,
    is_mirror,
    mirror_rule,
    mirror_of_source,
    mirror_of_store_id,
    mirror_of_order_id,
    include_in_revenue,
    cast(units_sold as decimal(18, 4)) as units_sold,
    cast(units_returned as decimal(18, 4)) as units_returned,
    cast(gross_amount as decimal(18, 4)) as gross_amount,
    cast(discount_amount as decimal(18, 4)) as discount_amount,
    cast(return_amount as decimal(18, 4)) as return_amount,
    cast(net_amount as decimal(18, 4)) as net_amount,
    cast(shipping_amount as decimal(18, 4)) as shipping_amount,
    cast(tax_amount as decimal(18, 4)) as tax_amount,
    cast(total_amount as decimal(18, 4)) as total_amount,
    cast(non_revenue_amount as decimal(18, 4)) as non_revenue_amount,
    cast(cost_amount as decimal(18, 4)) as cost_amount,
    cast(net_amount - cost_amount as decimal(18, 4)) as margin_amount,
    cast(fee_amount as decimal(18, 4)) as item_fee_amount,
    cast(coalesce(ledger_tip_amount, tip_amount) as decimal(18, 4)) as tip_amount,
    header_total,
    completed_at,
    completed_local_at,
    business_date,
    paid_at,
    paid_date,
    recognised_at,
    recognised_date
from joined
