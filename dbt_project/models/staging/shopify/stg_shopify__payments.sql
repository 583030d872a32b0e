with raw as (

    select *
    from {{ source('raw_shopify', 'payment') }}

),

{# an authorization moves no money, a void gives none back: only what was taken or given back did #}
moved as (

    select
        raw.*,
        lower(trim(coalesce(raw.gateway, 'unknown'))) as tender,
        case when upper(raw.kind) in ('REFUND', 'CHANGE') then -raw.amount else raw.amount end as signed_amount
    from raw
    where
        upper(raw.status) = 'SUCCESS'
        and upper(raw.kind) in ('SALE', 'CAPTURE', 'REFUND', 'CHANGE')
        and not coalesce(raw.test, false)

)

select
    'shopify' as source,
    account_id as store_id,
    cast(id as varchar) as payment_id,
    cast(order_id as varchar) as order_id,
    cast(null as bigint) as shop_id,
    currency_code as currency,
    cast(null as bigint) as register_id,
    cast(null as bigint) as employee_id,
    cast(null as bigint) as payment_type_id,
    tender as payment_type_name,
    case when tender = 'gift_card' then 'gift card' else 'ecom' end as payment_kind,
    case
        when tender = 'gift_card' and signed_amount < 0 then 'gift_card_load'
        when tender = 'gift_card' then 'gift_card_use'
        when signed_amount < 0 then 'refund'
        else 'tender'
    end as movement,
    true as is_order_completed,
    cast(signed_amount as decimal(18, 4)) as amount,
    cast(0 as decimal(18, 4)) as tip_amount,
    processed_at as paid_at
from moved
