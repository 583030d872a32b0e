with raw as (

    select *
    from {{ source('raw_lightspeed', 'register_count_amount') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.register_count_amount_id,
        raw.register_count_id,
        raw.payment_type_id,

        ---------- numerics
        raw.calculated as calculated_amount,
        raw.actual as counted_amount,

        ---------- timestamps
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    where raw.register_count_amount_id is not null

)

select * from renamed
