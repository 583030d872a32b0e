with raw as (

    select *
    from {{ source('raw_lightspeed', 'manufacturer') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.manufacturer_id,

        ---------- text
        raw.name,

        ---------- timestamps
        raw.create_time as created_at,
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
