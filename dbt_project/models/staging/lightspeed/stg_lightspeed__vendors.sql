with raw as (

    select *
    from {{ source('raw_lightspeed', 'vendor') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.vendor_id,
        raw.contact_id,

        ---------- text
        raw.name,
        raw.account_number,
        raw.price_level,
        raw.b2b_seller_uid,

        ---------- booleans
        raw.archived as is_archived,

        ---------- timestamps
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.purchasing_currency as purchasing_currency_json,
        raw.extra as extra_json

    from raw

)

select * from renamed
