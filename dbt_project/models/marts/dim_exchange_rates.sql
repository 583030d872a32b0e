{# What the days were exchanged at: with it any mart with a currency and a business date adds up over currencies. #}
select
    currency,
    business_date,
    reporting_currency,
    rate_date as exchange_rate_date,
    exchange_rate
from {{ ref('int_exchange_rates') }}
