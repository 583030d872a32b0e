{# a lone address is an object, several are a list: the first is taken #}
with customers as (

    select
        customers.*,
        coalesce(
            {{ json_text('customers.contact_json', '$.Emails.ContactEmail.address') }},
            {{ json_text('customers.contact_json', '$.Emails.ContactEmail[0].address') }}
        ) as email,
        coalesce(
            {{ json_text('customers.contact_json', '$.Phones.ContactPhone.number') }},
            {{ json_text('customers.contact_json', '$.Phones.ContactPhone[0].number') }}
        ) as phone,
        coalesce(
            {{ json_text('customers.contact_json', '$.Addresses.ContactAddress.zip') }},
            {{ json_text('customers.contact_json', '$.Addresses.ContactAddress[0].zip') }}
        ) as postcode,
        coalesce(
            {{ json_text('customers.contact_json', '$.Addresses.ContactAddress.countryCode') }},
            {{ json_text('customers.contact_json', '$.Addresses.ContactAddress[0].countryCode') }}
        ) as country
    from {{ ref('stg_lightspeed__customers') }} as customers

)

select
    'lightspeed' as source,
    account_id as store_id,
    customer_id,
    nullif(trim(email), '') as email,
    nullif(trim(phone), '') as phone,
    first_name,
    last_name,
    nullif(trim(company), '') as company,
    postcode,
    country,
    coalesce(is_archived, false) as is_archived,
    created_at
from customers
