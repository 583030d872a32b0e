with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_reading') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- text
        raw.measure,
        raw.amount_key,
        raw.rounding_level,
        raw.rounding_method,
        raw.day_event,
        raw.day_zone,
        raw.kinds,

        ---------- numerics
        raw.days_compared,
        raw.days_unexplained,

        ---------- timestamps
        raw.proven_at

    from raw

)

select * from renamed
