with raw as (

    select *
    from {{ source('raw_lightspeed', 'employee') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.employee_id,
        raw.contact_id,
        raw.employee_role_id,
        raw.limit_to_shop_id,
        raw.last_shop_id,

        ---------- text
        raw.first_name,
        raw.last_name,

        ---------- booleans
        raw.lock_out as is_locked_out,
        raw.archived as is_archived,

        ---------- timestamps
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
