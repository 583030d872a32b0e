with raw as (

    select *
    from {{ source('raw_lightspeed', 'employee_hours') }}

),

whole_read as (

    select
        account_id,
        run_id
    from {{ ref('stg_lightspeed__complete_reads') }}
    where table_name = 'employee_hours'

),

{# a night reads from the newest id downwards: what a later night passed over, and a lower id it brought, is gone #}
passed_over as (

    select
        raw.*,
        coalesce(
            raw._run_id < max(case when raw._run_id <= whole_read.run_id then raw._run_id end) over (
                partition by raw.account_id
                order by raw.employee_hours_id asc nulls last
                rows between unbounded preceding and current row
            ),
            false
        ) as is_deleted
    from raw
    left join whole_read on raw.account_id = whole_read.account_id

),

renamed as (

    select

        ---------- ids
        account_id,
        employee_hours_id,
        employee_id,
        shop_id,

        ---------- booleans
        is_deleted,

        ---------- timestamps
        check_in as checked_in_at,
        check_out as checked_out_at,
        _loaded_at as loaded_at,

        ---------- documents
        extra as extra_json

    from passed_over

)

select * from renamed
