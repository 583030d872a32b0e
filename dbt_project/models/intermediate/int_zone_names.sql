{# no two names that the engine knows are one when folded #}
with known_zones as (

    {{ known_zones() }}

)

select
    {{ folded_zone('time_zone') }} as folded_name,
    min(time_zone) as time_zone
from known_zones
group by {{ folded_zone('time_zone') }}
