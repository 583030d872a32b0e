with raw as (

    select *
    from {{ source('raw_tillhouse', 'unproven_account') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- timestamps
        raw.unproven_at

    from raw

)

select * from renamed
