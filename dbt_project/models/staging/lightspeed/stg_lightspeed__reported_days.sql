with raw as (

    select *
    from {{ source('raw_lightspeed', 'reported_day') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- dates
        cast(raw.day as date) as business_date,

        ---------- timestamps
        raw.read_at,
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
