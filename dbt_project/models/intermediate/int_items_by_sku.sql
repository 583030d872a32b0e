{{ config(materialized='table') }}

{#
    An SKU is an item's where one item that is not archived bears it, or one at all. Which of several is meant is not
    known; what they cost is, where they cost the same.
#}
with items as (

    select
        account_id,
        item_id,
        coalesce(nullif(trim(custom_sku), ''), nullif(trim(system_sku), '')) as sku,
        avg_cost,
        coalesce(is_archived, false) as is_archived
    from {{ ref('stg_lightspeed__items') }}

),

counted as (

    select
        account_id,
        sku,
        count(*) as items,
        sum(case when is_archived then 0 else 1 end) as open_items,
        min(case when not is_archived then item_id end) as open_item_id,
        min(item_id) as item_id,
        min(case when not is_archived then avg_cost end) as lowest_open_cost,
        max(case when not is_archived then avg_cost end) as highest_open_cost,
        min(avg_cost) as lowest_cost,
        max(avg_cost) as highest_cost,
        {{ texts_of('cast(item_id as varchar)') }} as item_ids
    from items
    where sku is not null
    group by
        account_id,
        sku

)

select
    account_id,
    sku,
    case
        when open_items = 1 then open_item_id
        when items = 1 then item_id
    end as item_id,
    case
        when open_items > 0 and lowest_open_cost = highest_open_cost then lowest_open_cost
        when open_items = 0 and lowest_cost = highest_cost then lowest_cost
    end as average_cost,
    items,
    item_ids
from counted
