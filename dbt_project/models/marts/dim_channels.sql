with channels as (

    select *
    from {{ ref('channels') }}

)

select
    channel,
    name as channel_name,
    is_online
from channels
