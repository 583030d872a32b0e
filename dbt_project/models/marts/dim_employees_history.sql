with versions as (

    {{
        versions_of(
            ref('dim_employees'),
            ref('stg_tillhouse__published_employee_versions'),
            keys=['account_id', 'employee_id'],
            ids=['employee_role_id', 'limited_to_shop_id'],
            facts=['employee_name', 'is_archived']
        )
    }}

)

select
    account_id,
    employee_id,
    version,
    valid_from,
    valid_to,
    is_current,
    employee_name,
    employee_role_id,
    limited_to_shop_id,
    is_archived,
    modified_at
from versions
