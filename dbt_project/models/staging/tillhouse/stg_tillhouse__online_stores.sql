with raw as (

    select *
    from {{ source('raw_tillhouse', 'online_store') }}

),

renamed as (

    select

        ---------- ids
        raw.store_id,
        raw.account_id,

        ---------- text
        raw.source,
        raw.name

    from raw

)

select * from renamed
