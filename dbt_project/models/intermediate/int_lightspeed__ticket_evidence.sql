with tickets as (

    select *
    from {{ ref('int_lightspeed__tickets') }}

),

sales as (

    select
        account_id,
        cast(sale_id as varchar) as order_id,
        lower(trim(coalesce(reference_number_source, ''))) as reference_source
    from {{ ref('stg_lightspeed__sales') }}

),

channels as (

    select
        account_id,
        cast(sale_id as varchar) as order_id,
        is_named
    from {{ ref('int_lightspeed__sale_channels') }}

),

mirrors as (

    select
        account_id,
        order_id,
        mirror_rule,
        is_mirror
    from {{ ref('int_orders') }}
    where source = 'lightspeed'

),

registers as (

    select
        account_id,
        register_id,
        lower(trim(name)) as register_name
    from {{ ref('stg_lightspeed__registers') }}

),

payment_types as (

    select
        account_id,
        payment_type_id,
        lower(trim(name)) as tender
    from {{ ref('stg_lightspeed__payment_types') }}

),

{# a tender that is named as an online source is: the bridge that rang it up may have left the source out #}
hints as (

    select
        payment_types.account_id,
        payment_types.payment_type_id,
        payment_types.tender,
        rules.channel,
        rules.sub_channel,
        row_number() over (
            partition by payment_types.account_id, payment_types.payment_type_id
            order by rules.priority asc nulls last, rules.pattern asc nulls last
        ) as place
    from payment_types
    inner join {{ ref('channel_rules') }} as rules
        on
            rules.evidence = 'reference_source'
            and payment_types.tender like lower(rules.pattern)
    inner join {{ ref('channels') }} as channels
        on
            rules.channel = channels.channel
            and channels.is_online

),

tenders as (

    select
        payments.account_id,
        cast(payments.sale_id as varchar) as order_id,
        {{ texts_of('payment_types.tender') }} as payment_types,
        count(distinct payment_types.tender) as tenders,
        min(hints.tender) as hinted_tender,
        min(hints.channel) as hinted_channel,
        min(hints.sub_channel) as hinted_sub_channel
    from {{ ref('stg_lightspeed__sale_payments') }} as payments
    inner join payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    left join hints
        on
            payments.account_id = hints.account_id
            and payments.payment_type_id = hints.payment_type_id
            and hints.place = 1
    where not coalesce(payments.is_archived, false)
    group by
        payments.account_id,
        payments.sale_id

),

customers as (

    select
        store_id as account_id,
        customer_id,
        is_generic,
        generic_pattern
    from {{ ref('int_customers') }}
    where source = 'lightspeed'

),

shipments as (

    select distinct
        account_id,
        cast(sale_id as varchar) as order_id
    from {{ ref('stg_lightspeed__ship_tos') }}

),

{# an online order's number and total on one ticket are no coincidence, as the number alone may be #}
same_orders as (

    select
        tickets.account_id,
        tickets.order_id,
        min(originals.source) as original_source
    from tickets
    inner join {{ ref('int_all_orders') }} as originals
        on
            originals.source <> 'lightspeed'
            and tickets.account_id = originals.account_id
            and {{ bare_number('tickets.reference_number') }} = {{ bare_number('originals.order_number') }}
            and abs(tickets.total_amount - originals.header_total) <= 0.02
    where trim(coalesce(tickets.reference_number, '')) <> ''
    group by
        tickets.account_id,
        tickets.order_id

)

select
    tickets.account_id,
    tickets.order_id,
    sales.reference_source,
    trim(coalesce(tickets.reference_number, '')) as reference_number,
    {{ form_of("trim(coalesce(tickets.reference_number, ''))") }} as reference_form,
    case
        when tenders.tenders > 3 then 'four types and more'
        else coalesce(tenders.payment_types, 'nothing paid')
    end as payment_types,
    coalesce(registers.register_name, 'no register') as register_name,
    case
        when tickets.customer_id is null then 'walk_in'
        when customers.is_generic then 'generic'
        else 'known'
    end as customer_class,
    {# the rule's words: a name that a rule of e-mail addresses took may be somebody's #}
    coalesce(customers.generic_pattern, '') as generic_customer,
    shipments.order_id is not null as has_shipment,
    tickets.channel,
    tickets.sub_channel,
    channels.is_named,
    mirrors.mirror_rule,
    coalesce(mirrors.is_mirror, false) as is_mirror,
    same_orders.original_source as same_order_source,
    tenders.hinted_tender,
    tenders.hinted_channel,
    tenders.hinted_sub_channel,
    tickets.employee_id,
    case when not coalesce(customers.is_generic, false) then tickets.customer_id end as customer_id,
    tickets.currency,
    tickets.net_amount,
    tickets.total_amount,
    tickets.completed_at,
    tickets.business_date
from tickets
inner join sales
    on
        tickets.account_id = sales.account_id
        and tickets.order_id = sales.order_id
left join channels
    on
        tickets.account_id = channels.account_id
        and tickets.order_id = channels.order_id
left join mirrors
    on
        tickets.account_id = mirrors.account_id
        and tickets.order_id = mirrors.order_id
left join registers
    on
        tickets.account_id = registers.account_id
        and tickets.register_id = registers.register_id
left join tenders
    on
        tickets.account_id = tenders.account_id
        and tickets.order_id = tenders.order_id
left join customers
    on
        tickets.account_id = customers.account_id
        and tickets.customer_id = customers.customer_id
left join shipments
    on
        tickets.account_id = shipments.account_id
        and tickets.order_id = shipments.order_id
left join same_orders
    on
        tickets.account_id = same_orders.account_id
        and tickets.order_id = same_orders.order_id
