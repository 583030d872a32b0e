with raw as (

    select *
    from {{ source('raw_lightspeed', 'tax_category') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.tax_category_id,

        ---------- text
        raw.tax1_name,
        raw.tax2_name,

        ---------- numerics
        raw.tax1_rate,
        raw.tax2_rate,

        ---------- booleans
        raw.is_tax_inclusive,

        ---------- timestamps
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
