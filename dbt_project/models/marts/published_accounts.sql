{#
    As of tonight: publication takes the row of a withheld account over from the last one, and says there since when and
    why. What a run has read to its end is in its tables; of runs that are too old for them the last publication knows.
#}
with stores as (

    select *
    from {{ ref('int_stores') }}

),

names as (

    select
        account_id,
        coalesce(
            max(case when source = 'lightspeed' then store_name end),
            min(store_name)
        ) as account_name
    from stores
    group by account_id

),

reads as (

    select
        source,
        account_id as store_id,
        max(began_at) as read_at
    from {{ ref('stg_tillhouse__run_tables') }}
    where
        table_name in ('sale', 'customer_order')
        and coalesce(failure, '') = ''
    group by
        source,
        account_id

),

{# a retailer is as new as its tills, and where it has none as its oldest store #}
accounts_read as (

    select
        stores.account_id,
        coalesce(
            max(case when stores.source = 'lightspeed' then reads.read_at end),
            min(reads.read_at)
        ) as read_at
    from stores
    inner join reads
        on
            stores.source = reads.source
            and stores.store_id = reads.store_id
    group by stores.account_id

),

read_before as (

    select *
    from {{ ref('stg_tillhouse__published_reads') }}

),

newest_days as (

    select
        account_id,
        max(business_date) as newest_business_date
    from {{ ref('fct_orders') }}
    group by account_id

),

{# a held row without day, or of no shop that is known, marks its account: no day of a shop can bear the mark #}
undated_rows as (

    select
        held_rows.account_id,
        count(*) as undated_held_rows
    from {{ ref('int_held_rows') }} as held_rows
    left join {{ ref('int_incomplete_days') }} as days
        on
            held_rows.source = days.source
            and held_rows.store_id = days.store_id
            and held_rows.shop_id = days.shop_id
            and held_rows.business_date = days.business_date
    where
        held_rows.is_sale
        and days.account_id is null
    group by held_rows.account_id

),

current_run as (

    select max(run_id) as run_id
    from {{ ref('stg_tillhouse__runs') }}
    where status = 'running'

)

select
    names.account_id,
    names.account_name,
    current_run.run_id,
    coalesce(accounts_read.read_at, read_before.read_at) as read_at,
    newest_days.newest_business_date,
    coalesce(undated_rows.undated_held_rows, 0) as undated_held_rows,
    cast(null as timestamp with time zone) as withheld_since,
    cast(null as varchar) as withheld_reason
from names
cross join current_run
left join accounts_read on names.account_id = accounts_read.account_id
left join read_before on names.account_id = read_before.account_id
left join undated_rows on names.account_id = undated_rows.account_id
left join newest_days on names.account_id = newest_days.account_id
