{# The held rows of a *vendor*, whose own account is a store unless it is the till's. #}
{% macro staged_held_rows(vendor) -%}
with raw as (

    select *
    from {{ source('raw_' ~ vendor, 'held_row') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id{{ '' if vendor == 'lightspeed' else ' as store_id' }},
        raw.held_id,
        raw.record_id,
        raw.shop_id,
        raw._run_id as run_id,

        ---------- text
        raw.table_name,
        raw.page,
        raw.reason,

        ---------- timestamps
        raw.business_at,
        raw.first_seen_at as held_since

    from raw

)

select * from renamed
{%- endmacro %}
