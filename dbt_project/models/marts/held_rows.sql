select
    source,
    account_id,
    store_id,
    table_name,
    held_id,
    record_id,
    page,
    reason,
    shop_id,
    business_at,
    business_date,
    is_accepted,
    accepted_reason,
    held_since
from {{ ref('int_held_rows') }}
