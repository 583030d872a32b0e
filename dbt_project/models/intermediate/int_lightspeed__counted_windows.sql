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

final as (

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

)

select * from final
