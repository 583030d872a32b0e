with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_employee_version') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.employee_id,
        raw.employee_role_id,
        raw.limited_to_shop_id,

        ---------- text
        raw.employee_name,

        ---------- numerics
        raw.version,

        ---------- booleans
        raw.is_archived,
        raw.is_current,

        ---------- timestamps
        raw.valid_from,
        raw.valid_to,
        raw.modified_at

    from raw

)

select * from renamed
