with rejected_values as (

    select
        account_id,
        table_name,
        'value could not be cast' as issue,
        column_name as detail,
        count(*) as row_count
    from {{ source('raw_lightspeed', 'rejected_value') }}
    group by
        account_id,
        table_name,
        column_name

),

drift as (

    select
        account_id,
        table_name,
        'field without a column' as issue,
        field as detail,
        max(rows) as row_count
    from {{ source('raw_lightspeed', 'drift') }}
    group by
        account_id,
        table_name,
        field

),

accounts_not_read_to_their_end as (

    select
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

orders_of_unknown_shops as (

    select
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
    where shops.shop_id is null
    group by
        orders.account_id,
        orders.shop_id

),

lines_of_unknown_items as (

    select
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

final as (

    select *
    from rejected_values

    union all

    select *
    from drift

    union all

    select *
    from accounts_not_read_to_their_end

    union all

    select *
    from orders_of_unknown_shops

    union all

    select *
    from lines_of_unknown_items

    union all

    select *
    from lines_of_unknown_employees

)

select * from final
