with sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

),

channels as (

    select *
    from {{ ref('int_lightspeed__sale_channels') }}

),

line_sums as (

    select
        account_id,
        sale_id,
        {{ to_cents('sum(gross_amount)') }} as gross_amount,
        {{ to_cents('sum(return_amount)') }} as return_amount,
        {{ to_cents('sum(cost_amount)') }} as cost_amount
    from {{ ref('int_lightspeed__counted_lines') }}
    group by
        account_id,
        sale_id

),

tips as (

    select
        account_id,
        sale_id,
        sum(tip_amount) as tip_amount
    from {{ ref('stg_lightspeed__sale_payments') }}
    where not coalesce(is_archived, false)
    group by
        account_id,
        sale_id

),

joined as (

    select
        sales.*,
        channels.channel,
        channels.sub_channel,
        coalesce(line_sums.gross_amount, 0) as gross_amount,
        coalesce(line_sums.return_amount, 0) as return_amount,
        coalesce(line_sums.cost_amount, 0) as cost_amount,
        coalesce(tips.tip_amount, 0) as tip_amount
    from sales
    left join channels
        on
            sales.account_id = channels.account_id
            and sales.sale_id = channels.sale_id
    left join line_sums
        on
            sales.account_id = line_sums.account_id
            and sales.sale_id = line_sums.sale_id
    left join tips
        on
            sales.account_id = tips.account_id
            and sales.sale_id = tips.sale_id

),

final as (

    select
        'lightspeed' as source,
        account_id,
        cast(sale_id as varchar) as order_id,
        ticket_number as order_number,
        shop_id,
        location_name,
        time_zone,
        currency,
        channel,
        sub_channel,
        register_id,
        employee_id,
        customer_id,
        is_identified,
        reference_number,
        gross_amount,
        gross_amount - return_amount - net_amount as discount_amount,
        return_amount,
        net_amount,
        tax_amount,
        total_amount,
        cost_amount,
        tip_amount,
        completed_at,
        completed_local_at,
        business_date
    from joined

)

select * from final
