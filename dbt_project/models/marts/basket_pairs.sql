{#
    The work is bounded by tickets × basket_products² / 2: a ticket of more products than that is a wholesale order or a
    stock transfer, no basket, and counts nowhere here. Products and pairs below basket_min_tickets are chance.
#}
with lines as (

    select *
    from {{ ref('int_product_events') }}
    where
        line_type = 'product'
        and event_type not in ('return', 'cancel')

),

products as (

    select *
    from {{ ref('dim_products') }}

),

windows as (

    select
        account_id,
        max(business_date) as last_date,
        cast({{ dbt.dateadd('day', 1 - var('basket_window_days'), 'max(business_date)') }} as date) as first_date
    from lines
    where {{ has_come('business_date') }}
    group by account_id

),

{# a product is on a ticket once, however many lines it has there; one that an edit took off is not #}
ticket_products as (

    select
        lines.account_id,
        lines.source,
        lines.store_id,
        lines.order_id,
        lines.product_key,
        max(lines.product_kind) as product_kind,
        max(lines.product_item_id) as item_id
    from lines
    inner join windows
        on
            lines.account_id = windows.account_id
            and lines.business_date >= windows.first_date
    group by
        lines.account_id,
        lines.source,
        lines.store_id,
        lines.order_id,
        lines.product_key
    having sum(lines.quantity) > 0

),

baskets as (

    select
        account_id,
        source,
        store_id,
        order_id
    from ticket_products
    group by
        account_id,
        source,
        store_id,
        order_id
    having count(*) <= {{ var('basket_products') }}

),

accounts as (

    select
        account_id,
        count(*) as tickets
    from baskets
    group by account_id

),

{# goods without an item are no product that anything goes with #}
in_baskets as (

    select
        ticket_products.*,
        count(*) over (partition by ticket_products.account_id, ticket_products.product_key) as product_tickets
    from ticket_products
    inner join baskets
        on
            ticket_products.account_id = baskets.account_id
            and ticket_products.source = baskets.source
            and ticket_products.store_id = baskets.store_id
            and ticket_products.order_id = baskets.order_id
    where ticket_products.product_kind in ('item', 'sku')

),

frequent as (

    select *
    from in_baskets
    where product_tickets >= {{ var('basket_min_tickets') }}

),

{# confidence has a direction, so each pair is told both ways #}
pairs as (

    select
        one.account_id,
        one.product_key,
        other.product_key as with_product_key,
        max(one.item_id) as item_id,
        max(other.item_id) as with_item_id,
        max(one.product_tickets) as tickets_with_product,
        max(other.product_tickets) as tickets_with_other,
        count(*) as tickets_with_both
    from frequent as one
    inner join frequent as other
        on
            one.account_id = other.account_id
            and one.source = other.source
            and one.store_id = other.store_id
            and one.order_id = other.order_id
            and one.product_key <> other.product_key
    group by
        one.account_id,
        one.product_key,
        other.product_key
    having count(*) >= {{ var('basket_min_tickets') }}

)

select
    pairs.account_id,
    pairs.product_key,
    coalesce(products.product_name, pairs.product_key) as product_name,
    pairs.with_product_key,
    coalesce(others.product_name, pairs.with_product_key) as with_product_name,
    windows.first_date,
    windows.last_date,
    cast(accounts.tickets as bigint) as tickets,
    cast(pairs.tickets_with_product as bigint) as tickets_with_product,
    cast(pairs.tickets_with_other as bigint) as tickets_with_other,
    cast(pairs.tickets_with_both as bigint) as tickets_with_both,
    {{ divided('pairs.tickets_with_both', 'accounts.tickets', 6) }} as support,
    {{ divided('pairs.tickets_with_both', 'pairs.tickets_with_product', 6) }} as confidence,
    {{
        divided(
            'cast(pairs.tickets_with_both as double) * accounts.tickets',
            'cast(pairs.tickets_with_product as double) * pairs.tickets_with_other',
            6
        )
    }} as lift
from pairs
inner join accounts on pairs.account_id = accounts.account_id
inner join windows on pairs.account_id = windows.account_id
left join products
    on
        pairs.account_id = products.account_id
        and pairs.item_id = products.item_id
left join products as others
    on
        pairs.account_id = others.account_id
        and pairs.with_item_id = others.item_id
