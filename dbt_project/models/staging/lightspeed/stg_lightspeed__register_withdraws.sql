with raw as (

    select *
    from {{ source('raw_lightspeed', 'register_withdraw') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.register_withdraw_id,
        raw.register_id,
        raw.employee_id,
        raw.payment_type_id,

        ---------- text
        raw.notes,

        ---------- numerics
        raw.amount,

        ---------- timestamps
        raw.create_time as created_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
