{# a ticket that names an online store whose order is not there: it stays in revenue, as its channel's #}
with rules as (

    select *
    from {{ ref('mirror_rules') }}
    where evidence = 'reference_source'

),

orders as (

    select *
    from {{ ref('fct_orders') }}
    where source = 'lightspeed'

),

sales as (

    select
        account_id,
        cast(sale_id as varchar) as order_id,
        lower(trim(coalesce(reference_number_source, ''))) as reference_source
    from {{ ref('stg_lightspeed__sales') }}

),

{# several patterns may take one text; where they name several kinds of store, which is meant is not known #}
named_sources as (

    select
        texts.reference_source,
        case when count(distinct rules.source) = 1 then min(rules.source) else 'unknown' end as source
    from (
        select distinct reference_source
        from sales
    ) as texts
    inner join rules on texts.reference_source like rules.pattern
    group by texts.reference_source

),

stores as (

    select distinct
        account_id,
        source
    from {{ ref('int_stores') }}

)

select
    orders.account_id,
    orders.order_id,
    orders.reference_number,
    sales.reference_source,
    named_sources.source as original_source,
    orders.business_date,
    orders.currency,
    orders.total_amount,
    case
        when stores.source is null then 'no such store is connected'
        else 'the store has no order of this number'
    end as reason
from orders
inner join sales
    on
        orders.account_id = sales.account_id
        and orders.order_id = sales.order_id
inner join named_sources on sales.reference_source = named_sources.reference_source
left join stores
    on
        orders.account_id = stores.account_id
        and named_sources.source = stores.source
where orders.mirror_rule is null
