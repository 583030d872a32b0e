{# A proof holds until a person takes it back. #}
with published_readings as (

    select *
    from {{ ref('stg_tillhouse__published_readings') }}

),

unproven_accounts as (

    select
        account_id,
        max(unproven_at) as unproven_at
    from {{ ref('stg_tillhouse__unproven_accounts') }}
    group by account_id

)

select published_readings.*
from published_readings
left join unproven_accounts on published_readings.account_id = unproven_accounts.account_id
where
    unproven_accounts.unproven_at is null
    or published_readings.proven_at > unproven_accounts.unproven_at
