with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_location_link') }}

),

renamed as (

    select

        ---------- ids
        raw.source,
        raw.store_id,
        raw.location_id,
        raw.account_id,
        raw.shop_id,

        ---------- text
        raw.location_name,
        raw.basis,

        ---------- timestamps
        raw.since

    from raw

)

select * from renamed
