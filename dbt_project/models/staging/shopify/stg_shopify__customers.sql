with raw as (

    select *
    from {{ source('raw_shopify', 'customer') }}

)

select
    'shopify' as source,
    account_id as store_id,
    id as customer_id,
    nullif(trim(email), '') as email,
    nullif(trim(phone), '') as phone,
    first_name,
    last_name,
    nullif(trim(company), '') as company,
    postcode,
    country,
    false as is_archived,
    created_at
from raw
