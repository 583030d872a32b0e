with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_read') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- dates
        raw.first_date,

        ---------- timestamps
        raw.read_at

    from raw

)

select * from renamed
