{#
    A fraction of an account's history, or sales whose shop nobody has read, would pass for its numbers: it counts once
    its sales and what they refer to have been read to their end.
#}
with complete_tables as (

    select
        account_id,
        count(*) as tables
    from {{ ref('stg_lightspeed__complete_reads') }}
    where table_name in ('account', 'shop', 'register', 'payment_type', 'sale')
    group by account_id

)

select account_id
from complete_tables
where tables = 5
