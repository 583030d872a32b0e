with raw as (

    select *
    from {{ source('raw_lightspeed', 'discount') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.discount_id,
        raw.source_id,

        ---------- text
        raw.name,

        ---------- numerics
        raw.discount_amount,
        raw.discount_percent,

        ---------- booleans
        raw.require_customer as is_customer_required,
        raw.archived as is_archived,

        ---------- timestamps
        raw.create_time as created_at,
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
