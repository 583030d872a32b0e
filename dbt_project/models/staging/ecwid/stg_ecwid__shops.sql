with raw as (

    select *
    from {{ source('raw_ecwid', 'store_profile') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,

        ---------- text
        raw.store_name as name,
        raw.currency,
        raw.timezone as time_zone,
        raw.country_code,

        ---------- timestamps
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
