with raw as (

    select *
    from {{ source('raw_tillhouse', 'accepted_difference') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.detail_id,

        ---------- text
        raw.measure,
        raw.reason,

        ---------- numerics
        raw.difference,

        ---------- dates
        raw.business_date

    from raw

)

select * from renamed
