{# a day that a held sale belongs to is not whole, accepted or not: what it lacks is not known #}
with held_sales as (

    select *
    from {{ ref('int_held_rows') }}
    where
        source = 'lightspeed'
        and is_sale
        and business_date is not null

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

)

select
    held_sales.account_id,
    held_sales.shop_id,
    locations.location_name,
    locations.time_zone,
    locations.currency,
    held_sales.business_date,
    count(*) as held_sales
from held_sales
inner join ready_accounts on held_sales.account_id = ready_accounts.account_id
inner join locations
    on
        held_sales.account_id = locations.account_id
        and held_sales.shop_id = locations.shop_id
group by
    held_sales.account_id,
    held_sales.shop_id,
    locations.location_name,
    locations.time_zone,
    locations.currency,
    held_sales.business_date
