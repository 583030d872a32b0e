{#
    Goods of an online order that came back to a shop: a returned line whose parent is a line of a mirror. Where the
    online store gave the money back as well, within three days, the till's return is the copy and the store's counts.
#}
with mirrors as (

    select *
    from {{ ref('int_mirrors') }}
    where is_mirror

),

lines as (

    select
        lines.account_id,
        cast(lines.sale_id as varchar) as order_id,
        cast(lines.sale_line_id as varchar) as event_id,
        lines.calc_total,
        mirrors.original_source,
        mirrors.original_store_id,
        mirrors.original_order_id
    from {{ ref('stg_lightspeed__sale_lines') }} as lines
    inner join {{ ref('stg_lightspeed__sale_lines') }} as parents
        on
            lines.account_id = parents.account_id
            and lines.parent_sale_line_id = parents.sale_line_id
    inner join mirrors
        on
            parents.account_id = mirrors.account_id
            and cast(parents.sale_id as varchar) = mirrors.order_id
    left join mirrors as own
        on
            lines.account_id = own.account_id
            and cast(lines.sale_id as varchar) = own.order_id
    where
        lines.quantity < 0
        and own.order_id is null

),

given_back as (

    select distinct
        lines.account_id,
        lines.order_id,
        lines.event_id
    from lines
    inner join {{ ref('int_all_events') }} as returned
        on
            returned.source = 'lightspeed'
            and lines.account_id = returned.account_id
            and lines.order_id = returned.order_id
            and lines.event_id = returned.event_id
    inner join {{ ref('int_all_events') }} as refunds
        on
            lines.original_source = refunds.source
            and lines.original_store_id = refunds.store_id
            and lines.original_order_id = refunds.order_id
            and refunds.event_type in ('return', 'cancel')
            and abs(refunds.total_amount - lines.calc_total) <= 0.02
            and refunds.event_at >= returned.event_at - interval '3' day
            and refunds.event_at <= returned.event_at + interval '3' day

)

select
    lines.account_id,
    lines.order_id,
    lines.event_id,
    lines.original_source,
    lines.original_store_id,
    lines.original_order_id,
    given_back.event_id is not null as is_mirror
from lines
left join given_back
    on
        lines.account_id = given_back.account_id
        and lines.order_id = given_back.order_id
        and lines.event_id = given_back.event_id
