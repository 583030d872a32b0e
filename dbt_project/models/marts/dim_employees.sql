with employees as (

    select *
    from {{ ref('stg_lightspeed__employees') }}

)

select
    account_id,
    employee_id,
    first_name,
    last_name,
    trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, ''))) as employee_name,
    nullif(employee_role_id, 0) as employee_role_id,
    nullif(limit_to_shop_id, 0) as limited_to_shop_id,
    coalesce(is_archived, false) as is_archived,
    coalesce(is_locked_out, false) as is_locked_out,
    modified_at
from employees
