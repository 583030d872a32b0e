with raw as (

    select *
    from {{ source('raw_ecwid', 'customer') }}

)

select
    'ecwid' as source,
    account_id as store_id,
    id as customer_id,
    nullif(trim(email), '') as email,
    nullif(trim(phone), '') as phone,
    {# a profile without an address has its name in one piece #}
    coalesce(nullif(trim(first_name), ''), nullif(trim(full_name), '')) as first_name,
    nullif(trim(last_name), '') as last_name,
    nullif(trim(company), '') as company,
    postcode,
    country,
    false as is_archived,
    registered as created_at
from raw
