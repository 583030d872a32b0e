with raw as (

    select *
    from {{ source('raw_lightspeed', 'tax_class') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.tax_class_id,

        ---------- text
        raw.name,
        raw.class_type,

        ---------- timestamps
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
