with rejected_values as (

    {% for vendor in every_vendor() %}
        select
            '{{ vendor }}' as source,
            account_id,
            table_name,
            'value could not be cast' as issue,
            column_name as detail,
            count(*) as row_count
        from {{ ref('stg_' ~ vendor ~ '__rejected_values') }}
        group by
            account_id,
            table_name,
            column_name
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

drift as (

    {% for vendor in every_vendor() %}
        select
            '{{ vendor }}' as source,
            account_id,
            table_name,
            'field without a column' as issue,
            field as detail,
            max(rows) as row_count
        from {{ ref('stg_' ~ vendor ~ '__drift') }}
        group by
            account_id,
            table_name,
            field
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

held_rows as (

    select
        source,
        store_id as account_id,
        table_name,
        case when is_accepted then 'held row that is accepted' else 'row is held' end as issue,
        concat(held_id, ': ', reason) as detail,
        count(*) as row_count
    from {{ ref('int_held_rows') }}
    group by
        source,
        store_id,
        table_name,
        is_accepted,
        held_id,
        reason

),

accounts_not_read_to_their_end as (

    select
        'lightspeed' as source,
        accounts.account_id,
        'sale' as table_name,
        'withheld: the first reading is not complete' as issue,
        'all sales' as detail,
        count(sales.sale_id) as row_count
    from {{ ref('stg_lightspeed__accounts') }} as accounts
    left join {{ ref('stg_lightspeed__sales') }} as sales
        on accounts.account_id = sales.account_id
    left join {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
        on accounts.account_id = ready_accounts.account_id
    where ready_accounts.account_id is null
    group by accounts.account_id

),

shops as (

    {{ every_shop() }}

),

orders_as_read as (

    {{ every_source('orders') }}

),

stores_not_read_to_their_end as (

    select
        shops.source,
        shops.store_id as account_id,
        'customer_order' as table_name,
        'withheld: the first reading is not complete' as issue,
        'all orders' as detail,
        count(orders_as_read.order_id) as row_count
    from shops
    left join orders_as_read
        on
            shops.source = orders_as_read.source
            and shops.store_id = orders_as_read.store_id
    left join {{ ref('int_stores') }} as stores
        on
            shops.source = stores.source
            and shops.store_id = stores.store_id
    where stores.store_id is null
    group by
        shops.source,
        shops.store_id

),

test_orders as (

    select
        source,
        store_id as account_id,
        'customer_order' as table_name,
        'test order left out' as issue,
        'not counted' as detail,
        count(*) as row_count
    from {{ ref('int_all_orders') }}
    where is_test
    group by
        source,
        store_id

),

deleted_orders as (

    select
        source,
        store_id as account_id,
        'customer_order' as table_name,
        'order deleted at its store' as issue,
        order_number as detail,
        count(*) as row_count
    from {{ ref('int_all_orders') }}
    where is_deleted
    group by
        source,
        store_id,
        order_number

),

orders_of_unknown_channels as (

    select
        source,
        store_id as account_id,
        case source when 'lightspeed' then 'sale' else 'customer_order' end as table_name,
        'channel is not known' as issue,
        sub_channel as detail,
        count(*) as row_count
    from {{ ref('fct_orders') }}
    where channel = 'unknown'
    group by
        source,
        store_id,
        sub_channel

),

{# the ledger is what counts; where the order's own last total says otherwise, somebody should look #}
ledgers_that_differ as (

    select
        source,
        store_id as account_id,
        'customer_order' as table_name,
        'ledger differs from the order''s total' as issue,
        order_number as detail,
        count(*) as row_count
    from {{ ref('fct_orders') }}
    where
        source <> 'lightspeed'
        and abs(total_amount + non_revenue_amount - header_total) > 0.02
    group by
        source,
        store_id,
        order_number

),

{# an amount that nothing of the order explains, or a refund that does not say of what #}
unallocated_amounts as (

    select
        events.source,
        events.store_id as account_id,
        'customer_order' as table_name,
        case when events.event_type = 'return' then 'refund of an amount only' else 'amount of no line' end as issue,
        orders.order_number as detail,
        count(*) as row_count
    from {{ ref('fct_sales_events') }} as events
    inner join {{ ref('fct_orders') }} as orders
        on
            events.source = orders.source
            and events.store_id = orders.store_id
            and events.order_id = orders.order_id
    where events.line_type = 'unallocated'
    group by
        events.source,
        events.store_id,
        case when events.event_type = 'return' then 'refund of an amount only' else 'amount of no line' end,
        orders.order_number

),

orders_refunded_beyond_their_total as (

    select
        source,
        store_id as account_id,
        'customer_order' as table_name,
        'more given back than was sold' as issue,
        order_number as detail,
        count(*) as row_count
    from {{ ref('fct_orders') }}
    where
        source <> 'lightspeed'
        and total_amount + non_revenue_amount < -0.02
    group by
        source,
        store_id,
        order_number

),

goods_without_a_cost as (

    select
        source,
        store_id as account_id,
        'customer_order' as table_name,
        'cost is not known' as issue,
        coalesce(sku, 'no SKU') as detail,
        count(*) as row_count
    from {{ ref('fct_sales_events') }}
    where cost_source = 'unknown'
    group by
        source,
        store_id,
        coalesce(sku, 'no SKU')

),

orders_of_unknown_shops as (

    select
        'lightspeed' as source,
        orders.account_id,
        'sale' as table_name,
        'shop is not known' as issue,
        cast(orders.shop_id as varchar) as detail,
        count(*) as row_count
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('stg_lightspeed__shops') }} as shops
        on
            orders.account_id = shops.account_id
            and orders.shop_id = shops.shop_id
    where
        orders.source = 'lightspeed'
        and shops.shop_id is null
    group by
        orders.account_id,
        orders.shop_id

),

lines_of_unknown_items as (

    select
        'lightspeed' as source,
        lines.account_id,
        'sale_line' as table_name,
        'item is not known' as issue,
        cast(lines.item_id as varchar) as detail,
        count(*) as row_count
    from {{ ref('int_lightspeed__counted_lines') }} as lines
    left join {{ ref('stg_lightspeed__items') }} as items
        on
            lines.account_id = items.account_id
            and lines.item_id = items.item_id
    where
        lines.item_id is not null
        and items.item_id is null
    group by
        lines.account_id,
        lines.item_id

),

lines_of_unknown_employees as (

    select
        'lightspeed' as source,
        lines.account_id,
        'sale_line' as table_name,
        'employee is not known' as issue,
        cast(lines.employee_id as varchar) as detail,
        count(*) as row_count
    from {{ ref('int_lightspeed__counted_lines') }} as lines
    left join {{ ref('stg_lightspeed__employees') }} as employees
        on
            lines.account_id = employees.account_id
            and lines.employee_id = employees.employee_id
    where
        lines.employee_id is not null
        and employees.employee_id is null
    group by
        lines.account_id,
        lines.employee_id

),

sold_days as (

    select distinct
        account_id,
        shop_id,
        cast(completed_local_at as date) as business_date
    from {{ ref('int_lightspeed__counted_sales') }}

),

reported_accounts as (

    select distinct account_id
    from {{ ref('stg_lightspeed__reported_days') }}

),

compared_accounts as (

    select distinct account_id
    from {{ ref('int_lightspeed__compared_days') }}

),

compared_shop_days as (

    select
        account_id,
        shop_id,
        business_date
    from {{ ref('int_lightspeed__compared_days') }}
    where
        day_event = 'completed'
        and day_zone = 'shop'

),

{# the till's word stands alone there #}
days_not_compared as (

    select
        'lightspeed' as source,
        sold_days.account_id,
        'report' as table_name,
        'not compared with its own reports' as issue,
        case
            when reported_accounts.account_id is null then 'no report could be read'
            when compared_accounts.account_id is null then 'no report says anything'
            else 'a day was not over, or its reports not read after its sales'
        end as detail,
        count(*) as row_count
    from sold_days
    left join compared_shop_days as compared_days
        on
            sold_days.account_id = compared_days.account_id
            and sold_days.shop_id = compared_days.shop_id
            and sold_days.business_date = compared_days.business_date
    left join reported_accounts on sold_days.account_id = reported_accounts.account_id
    left join compared_accounts on sold_days.account_id = compared_accounts.account_id
    where compared_days.account_id is null
    group by
        sold_days.account_id,
        case
            when reported_accounts.account_id is null then 'no report could be read'
            when compared_accounts.account_id is null then 'no report says anything'
            else 'a day was not over, or its reports not read after its sales'
        end

),

costs_not_compared as (

    select
        'lightspeed' as source,
        account_id,
        'report' as table_name,
        'not compared with its own reports' as issue,
        'every cost is zero, as a token without the right to costs sees them' as detail,
        count(*) as row_count
    from {{ ref('int_lightspeed__report_amounts') }}
    where measure in ('cost_average', 'cost_fifo')
    group by account_id
    having max(abs(amount)) = 0

),

{# read where the account allows it: else what its marts say is missing, or as old as its last reading #}
optional_tables as (

    select 'employee_hours' as table_name
    union all
    select 'manufacturer' as table_name
    union all
    select 'vendor' as table_name
    union all
    select 'register_count' as table_name
    union all
    select 'register_withdraw' as table_name
    union all
    select 'credit_account' as table_name

),

tables_not_read as (

    select
        'lightspeed' as source,
        ready_accounts.account_id,
        optional_tables.table_name,
        'not read with its sales' as issue,
        'no right to it, or a failure that the run names' as detail,
        count(*) as row_count
    from {{ ref('int_lightspeed__ready_accounts') }} as ready_accounts
    cross join optional_tables
    left join {{ ref('stg_lightspeed__complete_reads') }} as sales_read
        on
            ready_accounts.account_id = sales_read.account_id
            and sales_read.table_name = 'sale'
    left join {{ ref('stg_lightspeed__complete_reads') }} as table_read
        on
            ready_accounts.account_id = table_read.account_id
            and optional_tables.table_name = table_read.table_name
    where
        table_read.run_id is null
        or table_read.run_id < sales_read.run_id
    group by
        ready_accounts.account_id,
        optional_tables.table_name

),

payments_of_orders as (

    select
        store_id,
        order_id,
        sum(amount) as paid_amount,
        sum(tip_amount) as tip_amount
    from {{ ref('fct_payments') }}
    where source = 'lightspeed'
    group by
        store_id,
        order_id

),

{# payments less tips are the total; what cash was rounded by may add to it or take off: which is not documented #}
tickets_not_paid_to_the_cent as (

    select
        'lightspeed' as source,
        orders.store_id as account_id,
        'sale_payment' as table_name,
        'payments are not the total' as issue,
        orders.order_number as detail,
        count(*) as row_count
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('stg_lightspeed__sales') }} as sales
        on
            orders.store_id = sales.account_id
            and orders.order_id = cast(sales.sale_id as varchar)
    left join payments_of_orders as payments
        on
            orders.store_id = payments.store_id
            and orders.order_id = payments.order_id
    where
        orders.source = 'lightspeed'
        and orders.total_amount <> coalesce(payments.paid_amount, 0) - coalesce(payments.tip_amount, 0)
        and abs(orders.total_amount - coalesce(payments.paid_amount, 0) + coalesce(payments.tip_amount, 0))
        <> abs(coalesce(sales.cash_rounding_delta, 0))
    group by
        orders.store_id,
        orders.order_number

),

{# lines are unrounded: a cent each is more than any rounding makes #}
taxes_off_their_rates as (

    select
        source,
        account_id,
        'sale_line' as table_name,
        'tax is not its base at its rates' as issue,
        cast(business_date as varchar) as detail,
        sum(taxed_lines) as row_count
    from {{ ref('tax_by_day') }}
    where abs(tax_collected - tax_refunded - tax_at_rates) > 0.01 * taxed_lines
    group by
        source,
        account_id,
        cast(business_date as varchar)

),

moved_by_credit_account as (

    select
        raw_payments.account_id,
        raw_payments.credit_account_id,
        sum(payments.amount) as amount
    from {{ ref('stg_lightspeed__sale_payments') }} as raw_payments
    inner join {{ ref('fct_payments') }} as payments
        on
            payments.source = 'lightspeed'
            and raw_payments.account_id = payments.store_id
            and cast(raw_payments.sale_payment_id as varchar) = payments.payment_id
    where raw_payments.credit_account_id <> 0
    group by
        raw_payments.account_id,
        raw_payments.credit_account_id

),

{# it was brought over from before the first sale, or moved by hand #}
balances_without_payments as (

    select
        'lightspeed' as source,
        credit_accounts.account_id,
        'credit_account' as table_name,
        'balance is not what its payments make' as issue,
        case when credit_accounts.is_gift_card then 'gift cards' else 'customers'' accounts' end as detail,
        count(*) as row_count
    from {{ ref('stg_lightspeed__credit_accounts') }} as credit_accounts
    left join moved_by_credit_account
        on
            credit_accounts.account_id = moved_by_credit_account.account_id
            and credit_accounts.credit_account_id = moved_by_credit_account.credit_account_id
    where credit_accounts.balance <> coalesce(moved_by_credit_account.amount, 0)
    group by
        credit_accounts.account_id,
        case when credit_accounts.is_gift_card then 'gift cards' else 'customers'' accounts' end

),

final as (

    select *
    from rejected_values

    union all

    select *
    from drift

    union all

    select *
    from held_rows

    union all

    select *
    from accounts_not_read_to_their_end

    union all

    select *
    from stores_not_read_to_their_end

    union all

    select *
    from test_orders

    union all

    select *
    from deleted_orders

    union all

    select *
    from orders_of_unknown_channels

    union all

    select *
    from ledgers_that_differ

    union all

    select *
    from unallocated_amounts

    union all

    select *
    from orders_refunded_beyond_their_total

    union all

    select *
    from goods_without_a_cost

    union all

    select *
    from orders_of_unknown_shops

    union all

    select *
    from {{ ref('int_lightspeed__future_sale_findings') }}

    union all

    select *
    from lines_of_unknown_items

    union all

    select *
    from lines_of_unknown_employees

    union all

    select *
    from days_not_compared

    union all

    select *
    from costs_not_compared

    union all

    select *
    from {{ ref('int_shop_findings') }}

    union all

    select *
    from {{ ref('int_link_findings') }}

    union all

    select *
    from {{ ref('int_lightspeed__reconciliation_findings') }}

    union all

    select *
    from tables_not_read

    union all

    select *
    from tickets_not_paid_to_the_cent

    union all

    select *
    from taxes_off_their_rates

    union all

    select *
    from balances_without_payments

)

select
    source,
    account_id,
    table_name,
    issue,
    coalesce(detail, '') as detail,
    cast(sum(row_count) as bigint) as row_count
from final
group by
    source,
    account_id,
    table_name,
    issue,
    coalesce(detail, '')
