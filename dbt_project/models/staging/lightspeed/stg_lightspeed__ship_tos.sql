with raw as (

    select *
    from {{ source('raw_lightspeed', 'ship_to') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.ship_to_id,
        raw.sale_id,
        raw.customer_id,

        ---------- text
        raw.ship_note,

        ---------- booleans
        raw.shipped as is_shipped,

        ---------- timestamps
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
