with raw as (

    select *
    from {{ source('raw_lightspeed', 'customer') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.customer_id,
        raw.contact_id,
        raw.credit_account_id,
        raw.customer_type_id,
        raw.discount_id,
        raw.tax_category_id,
        raw.employee_id,

        ---------- text
        raw.first_name,
        raw.last_name,
        raw.title,
        raw.company,
        raw.company_registration_number,
        raw.vat_number,

        ---------- booleans
        raw.archived as is_archived,

        ---------- timestamps
        raw.dob as born_at,
        raw.create_time as created_at,
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.contact as contact_json,
        raw.extra as extra_json

    from raw

)

select * from renamed
