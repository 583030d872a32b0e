{# days without a held sale: a reading is judged by no other #}
select *
from {{ ref('int_lightspeed__compared_days') }}
where is_complete
