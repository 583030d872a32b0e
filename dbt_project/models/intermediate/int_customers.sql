with customers as (

    {{ every_source('customers') }}

),

rules as (

    select *
    from {{ ref('generic_customers') }}

),

named as (

    select
        customers.*,
        lower(trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, '')))) as full_name
    from customers

),

generic as (

    select
        named.source,
        named.store_id,
        named.customer_id,
        min(rules.pattern) as generic_pattern
    from named
    inner join rules
        on
            (rules.evidence = 'name' and named.full_name like rules.pattern)
            or (rules.evidence = 'email' and lower(named.email) like rules.pattern)
    group by
        named.source,
        named.store_id,
        named.customer_id

)

select
    named.source,
    named.store_id,
    named.customer_id,
    named.email,
    named.phone,
    named.first_name,
    named.last_name,
    named.company,
    named.postcode,
    named.country,
    named.is_archived,
    {# a customer that stands for whoever orders on the web is nobody in particular #}
    generic.customer_id is not null as is_generic,
    generic.generic_pattern,
    named.created_at
from named
left join generic
    on
        named.source = generic.source
        and named.store_id = generic.store_id
        and named.customer_id = generic.customer_id
