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

payment_kinds as (

    select distinct
        payments.account_id,
        payments.sale_id,
        lower(payment_types.payment_kind) as payment_kind
    from {{ ref('stg_lightspeed__sale_payments') }} as payments
    inner join {{ ref('stg_lightspeed__payment_types') }} as payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    where not coalesce(payments.is_archived, false)

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
        payment_kinds.payment_kind as found
    from sales
    inner join payment_kinds
        on
            sales.account_id = payment_kinds.account_id
            and sales.sale_id = payment_kinds.sale_id
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
        end as sub_channel
    from sales
    left join matches
        on
            sales.account_id = matches.account_id
            and sales.sale_id = matches.sale_id
            and matches.place = 1

)

select * from final
