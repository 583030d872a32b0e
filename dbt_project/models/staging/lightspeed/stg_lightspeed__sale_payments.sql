with raw as (

    select *
    from {{ source('raw_lightspeed', 'sale_payment') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.sale_payment_id,
        raw.sale_id,
        raw.payment_type_id,
        raw.register_id,
        raw.employee_id,
        raw.credit_account_id,
        raw.cc_charge_id,
        raw.ref_payment_id,

        ---------- text
        raw.payment_id,
        raw.remote_reference,

        ---------- numerics
        raw.amount,
        raw.tip_amount,

        ---------- booleans
        raw.archived as is_archived,

        ---------- timestamps
        raw.create_time as created_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    where raw.sale_payment_id is not null

)

select * from renamed
