with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_store_version') }}

),

renamed as (

    select

        ---------- ids
        raw.source,
        raw.store_id,
        raw.account_id,

        ---------- text
        raw.store_name,
        raw.time_zone,
        raw.currency,

        ---------- numerics
        raw.version,

        ---------- booleans
        raw.is_current,

        ---------- timestamps
        raw.valid_from,
        raw.valid_to,
        raw.modified_at

    from raw

)

select * from renamed
