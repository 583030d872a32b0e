with raw as (

    select *
    from {{ source('raw_shopify', 'location') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,
        raw.id as location_id,

        ---------- text
        raw.name,
        raw.country_code,

        ---------- booleans
        raw.is_active,

        ---------- timestamps
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
