with raw as (

    select *
    from {{ source('raw_lightspeed', 'credit_account') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.credit_account_id,
        nullif(raw.customer_id, 0) as customer_id,

        ---------- numerics
        raw.balance,

        ---------- booleans
        raw.gift_card as is_gift_card,
        raw.archived as is_archived,

        ---------- timestamps
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
