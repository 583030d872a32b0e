with sales as (

    select
        account_id,
        sale_id,
        register_id,
        lower(trim(coalesce(reference_number_source, ''))) as reference_source
    from {{ ref('stg_lightspeed__sales') }}

),

registers as (

    select *
    from {{ ref('stg_lightspeed__registers') }}

),

payments as (

    select
        payments.account_id,
        payments.sale_id,
        payment_types.payment_kind,
        payment_types.name
    from {{ ref('stg_lightspeed__sale_payments') }} as payments
    inner join {{ ref('stg_lightspeed__payment_types') }} as payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    where not coalesce(payments.is_archived, false)

),

{# a bridge may bring a payment type of its own, which has a name only #}
tenders as (

    select
        account_id,
        sale_id,
        lower(trim(payment_kind)) as tender
    from payments

    union

    select
        account_id,
        sale_id,
        lower(trim(name)) as tender
    from payments

),

rules as (

    select *
    from {{ ref('channel_rules') }}

),

{# a sale that names another system came from there: what its register or tender says is looked at only without that #}
evidence as (

    select
        account_id,
        sale_id,
        'reference_source' as evidence,
        reference_source as found
    from sales
    where reference_source <> ''

    union all

    select
        sales.account_id,
        sales.sale_id,
        'register_name' as evidence,
        lower(trim(registers.name)) as found
    from sales
    inner join registers
        on
            sales.account_id = registers.account_id
            and sales.register_id = registers.register_id
    where sales.reference_source = ''

    union all

    select
        sales.account_id,
        sales.sale_id,
        'payment_type' as evidence,
        tenders.tender as found
    from sales
    inner join tenders
        on
            sales.account_id = tenders.account_id
            and sales.sale_id = tenders.sale_id
    where sales.reference_source = ''

),

matches as (

    select
        evidence.account_id,
        evidence.sale_id,
        rules.channel,
        rules.sub_channel,
        row_number() over (
            partition by evidence.account_id, evidence.sale_id
            order by rules.priority asc nulls last, rules.evidence asc nulls last, rules.pattern asc nulls last
        ) as place
    from evidence
    inner join rules
        on
            evidence.evidence = rules.evidence
            and evidence.found like lower(rules.pattern)

),

final as (

    select
        sales.account_id,
        sales.sale_id,
        case
            when matches.channel is not null then matches.channel
            when sales.reference_source <> '' then 'unknown'
            else 'store'
        end as channel,
        case
            when matches.channel is not null then matches.sub_channel
            when sales.reference_source <> '' then sales.reference_source
            else 'store'
        end as sub_channel,
        matches.channel is not null as is_named
    from sales
    left join matches
        on
            sales.account_id = matches.account_id
            and sales.sale_id = matches.sale_id
            and matches.place = 1

)

select * from final
