with raw as (

    select *
    from {{ source('raw_tillhouse', 'euro_rate') }}

),

renamed as (

    select

        ---------- text
        raw.currency,

        ---------- numerics
        raw.per_euro,

        ---------- dates
        raw.rate_date

    from raw

)

select * from renamed
