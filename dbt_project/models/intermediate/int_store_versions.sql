{{ config(materialized='table') }}

with stores as (

    select
        source,
        store_id,
        account_id,
        store_name,
        time_zone,
        nullif(currency, 'XXX') as currency,
        cast(null as timestamp with time zone) as modified_at
    from {{ ref('int_stores') }}

),

versions as (

    {{
        versions_of(
            'stores',
            ref('stg_tillhouse__published_store_versions'),
            keys=['source', 'store_id'],
            ids=['account_id'],
            facts=['store_name', 'time_zone', 'currency']
        )
    }}

)

select * from versions
