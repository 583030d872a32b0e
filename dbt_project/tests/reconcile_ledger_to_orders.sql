{# an event's amounts add up, and an order's are those of its events: to the last decimal #}
select
    source,
    store_id,
    account_id,
    shop_id,
    business_date,
    order_id,
    event_id,
    gross_amount - discount_amount - return_amount as parts_amount,
    net_amount,
    total_amount
from {{ ref('fct_sales_events') }}
where
    gross_amount - discount_amount - return_amount is distinct from net_amount
    or net_amount + shipping_amount + tax_amount is distinct from total_amount

union all

select
    source,
    store_id,
    account_id,
    shop_id,
    business_date,
    order_id,
    'order' as event_id,
    gross_amount - discount_amount - return_amount as parts_amount,
    net_amount,
    total_amount
from {{ ref('fct_orders') }}
where
    gross_amount - discount_amount - return_amount is distinct from net_amount
    or net_amount + shipping_amount + tax_amount is distinct from total_amount
    or net_amount - cost_amount is distinct from margin_amount
