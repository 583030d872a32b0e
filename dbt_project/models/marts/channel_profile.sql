{#
    What the tills' own evidence says, counted, for the merchant to hold against channel_rules, mirror_rules and
    generic_customers. Sources and forms of numbers are free text: beyond the most frequent they are counted together.
#}
{% set sources_kept, forms_kept = 50, 10 %}

with tickets as (

    select *
    from {{ ref('int_lightspeed__ticket_evidence') }}

),

sources as (

    select
        account_id,
        reference_source,
        row_number() over (
            partition by account_id
            order by count(*) desc nulls last, reference_source asc nulls last
        ) as place
    from tickets
    where reference_source <> ''
    group by
        account_id,
        reference_source

),

by_kept_source as (

    select
        tickets.*,
        case when sources.place > {{ sources_kept }} then 'other sources' else tickets.reference_source end
            as kept_source
    from tickets
    left join sources
        on
            tickets.account_id = sources.account_id
            and tickets.reference_source = sources.reference_source

),

forms as (

    select
        account_id,
        kept_source,
        reference_form,
        row_number() over (
            partition by account_id, kept_source
            order by count(*) desc nulls last, reference_form asc nulls last
        ) as place
    from by_kept_source
    where reference_form <> ''
    group by
        account_id,
        kept_source,
        reference_form

),

capped as (

    select
        tickets.account_id,
        tickets.kept_source as reference_source,
        case when forms.place > {{ forms_kept }} then 'other forms' else tickets.reference_form end as reference_form,
        tickets.payment_types,
        tickets.register_name,
        tickets.customer_class,
        tickets.generic_customer,
        tickets.has_shipment,
        tickets.channel,
        {# a source that no rule names is its own sub-channel #}
        case when tickets.channel = 'unknown' then tickets.kept_source else tickets.sub_channel end as sub_channel,
        tickets.is_named,
        tickets.order_id,
        tickets.reference_number,
        tickets.mirror_rule,
        tickets.is_mirror,
        case when not tickets.is_mirror then tickets.same_order_source end as same_order_source,
        tickets.hinted_tender,
        tickets.hinted_channel,
        tickets.hinted_sub_channel,
        tickets.employee_id,
        tickets.customer_id,
        tickets.currency,
        tickets.net_amount,
        tickets.total_amount,
        tickets.business_date,
        tickets.completed_at
    from by_kept_source as tickets
    left join forms
        on
            tickets.account_id = forms.account_id
            and tickets.kept_source = forms.kept_source
            and tickets.reference_form = forms.reference_form

),

placed as (

    select
        capped.*,
        row_number() over (
            partition by
                account_id, reference_source, reference_form, payment_types, register_name, customer_class,
                generic_customer, has_shipment, channel, sub_channel, is_named
            order by completed_at asc nulls last, order_id asc nulls last
        ) as place,
        row_number() over (
            partition by
                account_id, reference_source, reference_form, payment_types, register_name, customer_class,
                generic_customer, has_shipment, channel, sub_channel, is_named
            order by completed_at desc nulls last, order_id desc nulls last
        ) as place_from_the_end
    from capped

),

grouped as (

    select
        account_id,
        reference_source,
        reference_form,
        payment_types,
        register_name,
        customer_class,
        generic_customer,
        has_shipment,
        channel,
        sub_channel,
        is_named,
        {{ texts_of('mirror_rule') }} as mirror_rules,
        count(*) as tickets,
        sum(case when is_mirror then 1 else 0 end) as mirror_tickets,
        count(same_order_source) as uncaught_copies,
        min(same_order_source) as copied_source,
        min(hinted_tender) as hinted_tender,
        min(hinted_channel) as hinted_channel,
        min(hinted_sub_channel) as hinted_sub_channel,
        count(distinct employee_id) as employees,
        count(distinct customer_id) as customers,
        max(currency) as currency,
        sum(net_amount) as net_sales,
        sum(total_amount) as total_sales,
        min(business_date) as first_date,
        max(business_date) as last_date,
        max(case when place = 1 then reference_number end) as first_reference,
        max(case when place_from_the_end = 1 then reference_number end) as last_reference
    from placed
    group by
        account_id,
        reference_source,
        reference_form,
        payment_types,
        register_name,
        customer_class,
        generic_customer,
        has_shipment,
        channel,
        sub_channel,
        is_named

)

select
    account_id,
    reference_source,
    reference_form,
    payment_types,
    register_name,
    customer_class,
    generic_customer,
    has_shipment,
    channel,
    sub_channel,
    is_named,
    coalesce(mirror_rules, '') as mirror_rules,
    cast(tickets as bigint) as tickets,
    cast(mirror_tickets as bigint) as mirror_tickets,
    cast(uncaught_copies as bigint) as uncaught_copies,
    copied_source,
    hinted_tender,
    hinted_channel,
    hinted_sub_channel,
    cast(employees as bigint) as employees,
    cast(customers as bigint) as customers,
    currency,
    cast(net_sales as decimal(18, 4)) as net_sales,
    cast(total_sales as decimal(18, 4)) as total_sales,
    first_date,
    last_date,
    first_reference,
    last_reference,
    case
        when uncaught_copies > 0 then 'counts online orders twice: no mirror rule takes them'
        when channel = 'unknown' then 'no channel rule names this source'
        when channel <> 'store' or is_named or tickets = mirror_tickets then ''
        when hinted_tender is not null then 'paid by a tender that is named as an online store is'
        when replace(reference_form, '9', '') <> '' then 'bears the number of another system, which it does not name'
        {# whoever walked in is no buyer on the web #}
        when generic_customer <> '' and generic_customer not like '%walk%'
            then 'its customer stands for whoever orders online'
        else ''
    end as to_confirm
from grouped
