{#
    A day is compared once it is over where the shop is, and when the reports were read after the newest copy of what
    happened on it: a report that is older than the sales would seem to disagree. An account whose reports have never
    said anything is not compared.
#}
with ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

),

reported_days as (

    select *
    from {{ ref('stg_lightspeed__reported_days') }}

),

answering_accounts as (

    select account_id
    from {{ ref('stg_lightspeed__report_sales') }}

    union

    select account_id
    from {{ ref('stg_lightspeed__report_payments') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

moments as (

    select
        account_id,
        coalesce(shop_id, 0) as shop_id,
        completed_at as happened_at,
        loaded_at
    from sales
    where completed_at is not null

    union all

    select
        payments.account_id,
        coalesce(sales.shop_id, 0) as shop_id,
        payments.created_at as happened_at,
        payments.loaded_at
    from {{ ref('stg_lightspeed__sale_payments') }} as payments
    inner join sales
        on
            payments.account_id = sales.account_id
            and payments.sale_id = sales.sale_id
    where payments.created_at is not null

),

newest_copies as (

    select
        moments.account_id,
        moments.shop_id,
        cast({{ local_time('moments.happened_at', 'locations.time_zone') }} as date) as business_date,
        max(moments.loaded_at) as loaded_at
    from moments
    inner join locations
        on
            moments.account_id = locations.account_id
            and moments.shop_id = locations.shop_id
    group by
        moments.account_id,
        moments.shop_id,
        cast({{ local_time('moments.happened_at', 'locations.time_zone') }} as date)

),

final as (

    select
        locations.account_id,
        locations.shop_id,
        locations.location_name,
        reported_days.business_date
    from reported_days
    inner join ready_accounts on reported_days.account_id = ready_accounts.account_id
    inner join answering_accounts on reported_days.account_id = answering_accounts.account_id
    inner join locations on reported_days.account_id = locations.account_id
    left join newest_copies
        on
            locations.account_id = newest_copies.account_id
            and locations.shop_id = newest_copies.shop_id
            and reported_days.business_date = newest_copies.business_date
    where
        reported_days.business_date < cast({{ local_time('reported_days.read_at', 'locations.time_zone') }} as date)
        and reported_days.loaded_at >= coalesce(newest_copies.loaded_at, reported_days.loaded_at)

)

select * from final
