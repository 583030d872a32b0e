with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_location_version') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.price_level_id,

        ---------- text
        raw.location_name,
        raw.time_zone,

        ---------- numerics
        raw.version,

        ---------- booleans
        raw.is_archived,
        raw.is_current,

        ---------- timestamps
        raw.valid_from,
        raw.valid_to,
        raw.modified_at

    from raw

)

select * from renamed
