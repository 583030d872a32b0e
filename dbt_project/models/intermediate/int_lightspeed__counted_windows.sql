{# a count is compared only with sales that were read before it, and counted by their completion in any state #}
with counts as (

    select *
    from {{ ref('stg_lightspeed__sales_counts') }}

),

ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

newest_copies as (

    select
        account_id,
        max(loaded_at) as loaded_at
    from sales
    group by account_id

),

compared as (

    select
        counts.account_id,
        cast(counts.window_end_at - interval '1' day as date) as last_date,
        counts.sales as counted_by_lightspeed,
        count(sales.sale_id) as counted_here
    from counts
    inner join ready_accounts on counts.account_id = ready_accounts.account_id
    inner join newest_copies
        on
            counts.account_id = newest_copies.account_id
            and counts.loaded_at >= newest_copies.loaded_at
    left join sales
        on
            counts.account_id = sales.account_id
            and counts.window_start_at <= sales.completed_at
            and counts.window_end_at > sales.completed_at
    group by
        counts.account_id,
        counts.window_end_at,
        counts.sales

),

{# a held sale is counted there and not here, unless an older copy of it is still read #}
held_sales as (

    select
        account_id,
        count(*) as held_sales
    from {{ ref('int_held_rows') }}
    where
        source = 'lightspeed'
        and is_sale
    group by account_id

),

acceptances as (

    select
        account_id,
        business_date,
        difference,
        max(reason) as reason
    from {{ ref('stg_tillhouse__accepted_differences') }}
    where measure = 'sales_count'
    group by
        account_id,
        business_date,
        difference

),

{# a count has one meaning and no rounding: it agrees, or sales are missing #}
final as (

    select
        compared.account_id,
        compared.last_date,
        compared.counted_by_lightspeed,
        compared.counted_here,
        case
            when compared.counted_here = compared.counted_by_lightspeed then 'match'
            when
                compared.counted_by_lightspeed > compared.counted_here
                and compared.counted_by_lightspeed - compared.counted_here <= coalesce(held_sales.held_sales, 0)
                then 'incomplete'
            when acceptances.reason is not null then 'accepted'
            else 'unexplained'
        end as status,
        acceptances.reason
    from compared
    left join held_sales on compared.account_id = held_sales.account_id
    left join acceptances
        on
            compared.account_id = acceptances.account_id
            and compared.last_date = acceptances.business_date
            and compared.counted_here - compared.counted_by_lightspeed = acceptances.difference

)

select * from final
