{{ config(materialized='table') }}

{#
    Which tickets are copies of an online order that is loaded, and by which rule:
    R1 the ticket names the store and its order's number; R2 a note on it does; R3 it bears a number of the store's own
    form, near the order's time and not above its total (where its total of then is known); R4 nothing but tender, buyer, total and day agree, which is a
    suspicion: such a ticket is listed and stays in revenue.
#}
with rules as (

    select *
    from {{ ref('mirror_rules') }}

),

tickets as (

    select
        orders.account_id,
        orders.order_id,
        orders.customer_id,
        orders.header_total,
        orders.business_date,
        sales.created_at,
        lower(trim(coalesce(sales.reference_number_source, ''))) as reference_source,
        upper(trim(coalesce(sales.reference_number, ''))) like '%-RETURN' as is_return,
        replace(upper(trim(coalesce(sales.reference_number, ''))), '-RETURN', '') as reference
    from {{ ref('int_all_orders') }} as orders
    inner join {{ ref('stg_lightspeed__sales') }} as sales
        on
            orders.account_id = sales.account_id
            and orders.order_id = cast(sales.sale_id as varchar)
    where orders.source = 'lightspeed'

),

{# a copy may have been made before an edit took something out #}
booked as (

    select
        source,
        store_id,
        order_id,
        sum(total_amount + non_revenue_amount) as booked_total
    from {{ ref('int_all_events') }}
    where
        source <> 'lightspeed'
        and (event_type = 'sale' or (event_type = 'edit' and total_amount > 0))
    group by
        source,
        store_id,
        order_id

),

originals as (

    select
        orders.account_id,
        orders.source,
        orders.store_id,
        orders.order_id,
        orders.customer_id,
        orders.completed_at,
        orders.business_date,
        {{ bare_number('orders.order_number') }} as bare_number,
        coalesce(booked.booked_total, 0) as booked_total
    from {{ ref('int_all_orders') }} as orders
    left join booked
        on
            orders.source = booked.source
            and orders.store_id = booked.store_id
            and orders.order_id = booked.order_id
    where
        orders.source <> 'lightspeed'
        and not coalesce(orders.is_deleted, false)

),

notes as (

    select
        ship_tos.account_id,
        cast(ship_tos.sale_id as varchar) as order_id,
        rules.source,
        {{ bare_number(number_in('lower(ship_tos.ship_note)', 'rules.pattern')) }} as bare_number
    from {{ ref('stg_lightspeed__ship_tos') }} as ship_tos
    inner join rules
        on
            rules.evidence = 'ship_note'
            and {{ number_in('lower(ship_tos.ship_note)', 'rules.pattern') }} <> ''

),

{# a number that several patterns of one store take is one number: else its ticket would count twice in its set #}
numbers_of_stores as (

    select
        tickets.account_id,
        tickets.order_id,
        rules.source,
        max(case when rules.checks_total then 1 else 0 end) = 1 as checks_total
    from tickets
    inner join rules
        on
            rules.evidence = 'order_number'
            and {{ number_in('lower(tickets.reference)', "concat('^(', rules.pattern, ')$')") }} <> ''
    where
        tickets.reference_source = ''
        and tickets.reference <> ''
    group by
        tickets.account_id,
        tickets.order_id,
        rules.source

),

{# tickets without a source that bear one number are one set: goods and shipping may be two sales #}
numbered as (

    select
        tickets.*,
        numbers_of_stores.source,
        numbers_of_stores.checks_total,
        sum(case when tickets.is_return then 0 else tickets.header_total end)
            over (partition by tickets.account_id, numbers_of_stores.source, tickets.reference) as set_total
    from tickets
    inner join numbers_of_stores
        on
            tickets.account_id = numbers_of_stores.account_id
            and tickets.order_id = numbers_of_stores.order_id

),

{# once a ticket and store, before anything else: tenders are not to meet every order of their store #}
suspects as (

    select distinct
        tickets.account_id,
        tickets.order_id,
        tickets.is_return,
        tickets.created_at,
        tickets.customer_id,
        tickets.header_total,
        tickets.business_date,
        rules.source
    from tickets
    inner join {{ ref('int_lightspeed__payments') }} as payments
        on
            tickets.account_id = payments.store_id
            and tickets.order_id = payments.order_id
    inner join rules
        on
            rules.evidence = 'payment_type'
            and lower(payments.payment_kind) like rules.pattern
    where
        tickets.reference_source = ''
        and tickets.reference = ''

),

emails as (

    select
        source,
        store_id,
        customer_id,
        lower(email) as email
    from {{ ref('int_customers') }}
    where
        email is not null
        and not is_generic

),

claims as (

    select
        'R1' as rule,
        tickets.account_id,
        tickets.order_id,
        tickets.is_return,
        tickets.created_at,
        originals.source,
        originals.store_id,
        originals.order_id as original_order_id,
        originals.completed_at
    from tickets
    inner join rules
        on
            rules.evidence = 'reference_source'
            and tickets.reference_source like rules.pattern
    inner join originals
        on
            tickets.account_id = originals.account_id
            and rules.source = originals.source
            and {{ bare_number('tickets.reference') }} = originals.bare_number

    union all

    select
        'R2' as rule,
        tickets.account_id,
        tickets.order_id,
        tickets.is_return,
        tickets.created_at,
        originals.source,
        originals.store_id,
        originals.order_id as original_order_id,
        originals.completed_at
    from tickets
    inner join notes
        on
            tickets.account_id = notes.account_id
            and tickets.order_id = notes.order_id
    inner join originals
        on
            tickets.account_id = originals.account_id
            and notes.source = originals.source
            and notes.bare_number = originals.bare_number

    union all

    select
        'R3' as rule,
        numbered.account_id,
        numbered.order_id,
        numbered.is_return,
        numbered.created_at,
        originals.source,
        originals.store_id,
        originals.order_id as original_order_id,
        originals.completed_at
    from numbered
    inner join originals
        on
            numbered.account_id = originals.account_id
            and numbered.source = originals.source
            and {{ bare_number('numbered.reference') }} = originals.bare_number
            and (not numbered.checks_total or numbered.set_total <= originals.booked_total + 0.02)
            and numbered.created_at >= originals.completed_at - interval '1' hour
            and numbered.created_at <= originals.completed_at + interval '72' hour

    union all

    select
        'R4' as rule,
        suspects.account_id,
        suspects.order_id,
        suspects.is_return,
        suspects.created_at,
        originals.source,
        originals.store_id,
        originals.order_id as original_order_id,
        originals.completed_at
    from suspects
    inner join originals
        on
            suspects.account_id = originals.account_id
            and suspects.source = originals.source
            and suspects.header_total = originals.booked_total
            and suspects.business_date = originals.business_date
    inner join emails as buyers
        on
            buyers.source = 'lightspeed'
            and suspects.account_id = buyers.store_id
            and suspects.customer_id = buyers.customer_id
    inner join emails as shoppers
        on
            originals.source = shoppers.source
            and originals.store_id = shoppers.store_id
            and originals.customer_id = shoppers.customer_id
            and buyers.email = shoppers.email

),

{# two stores of one account may number alike: the order that is nearest in time is meant #}
ranked as (

    select
        claims.*,
        count(*) over (partition by account_id, order_id, rule) as orders_of_number,
        row_number() over (
            partition by account_id, order_id
            order by
                rule asc nulls last,
                case when created_at < completed_at then completed_at - created_at else created_at - completed_at end
                asc nulls last,
                source asc nulls last,
                store_id asc nulls last,
                original_order_id asc nulls last
        ) as place
    from (
        select distinct *
        from claims
    ) as claims

)

select
    account_id,
    order_id,
    rule,
    case when is_return then 'return' else 'order' end as role,
    rule <> 'R4' as is_mirror,
    source as original_source,
    store_id as original_store_id,
    original_order_id,
    case when rule <> 'R4' then orders_of_number else 1 end as orders_of_number
from ranked
where place = 1
