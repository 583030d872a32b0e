with raw as (

    select *
    from {{ source('raw_lightspeed', 'account') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- text
        raw.name,
        raw.status,
        raw.unique_subscription_identifier,

        ---------- numerics
        raw.employee_count,
        raw.employee_limit,

        ---------- timestamps
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.default_currency as currency_json,
        raw.extra as extra_json

    from raw

)

select * from renamed
