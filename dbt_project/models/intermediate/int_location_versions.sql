{{ config(materialized='table') }}

{# a shop that no list names has nothing to tell #}
with known_locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}
    where is_known

),

versions as (

    {{
        versions_of(
            'known_locations',
            ref('stg_tillhouse__published_location_versions'),
            keys=['account_id', 'shop_id'],
            ids=['price_level_id'],
            facts=['location_name', 'time_zone', 'is_archived']
        )
    }}

)

select * from versions
