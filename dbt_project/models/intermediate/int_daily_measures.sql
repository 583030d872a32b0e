with days as (

    select *
    from {{ ref('revenue_by_location_daily') }}

),

payments as (

    select *
    from {{ ref('fct_payments') }}
    where source = 'lightspeed'

),

final as (

    {% for measure in daily_measures() %}
        select
            account_id,
            shop_id,
            business_date,
            '{{ measure }}' as measure,
            cast(0 as bigint) as payment_type_id,
            cast({{ measure }} as decimal(38, 4)) as amount
        from days

        union all

    {% endfor %}

    select
        account_id,
        shop_id,
        business_date,
        'payments' as measure,
        coalesce(payment_type_id, 0) as payment_type_id,
        cast(sum(amount) as decimal(38, 4)) as amount
    from payments
    group by
        account_id,
        shop_id,
        business_date,
        coalesce(payment_type_id, 0)

)

select * from final
