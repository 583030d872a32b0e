{#
    What calcSubtotal holds in a tax-inclusive shop is not documented. Each account's own taxed lines tell: where the
    subtotal less discounts is the line's total, the tax is in it.
#}
with lines as (

    select *
    from {{ ref('stg_lightspeed__sale_lines') }}

),

inclusive_sales as (

    select
        account_id,
        sale_id
    from {{ ref('stg_lightspeed__sales') }}
    where is_tax_inclusive

),

readings as (

    select
        lines.account_id,
        {# the nearer reading: amounts of ten decimals may be a last digit off either #}
        abs(lines.calc_subtotal - lines.calc_line_discount - lines.calc_transaction_discount - lines.calc_total)
        < abs(lines.calc_tax1 + lines.calc_tax2) / 2 as holds_tax
    from lines
    inner join inclusive_sales
        on
            lines.account_id = inclusive_sales.account_id
            and lines.sale_id = inclusive_sales.sale_id
    where lines.calc_tax1 + lines.calc_tax2 <> 0

),

final as (

    select
        account_id,
        sum(case when holds_tax then 1 else 0 end) * 2 >= count(*) as subtotal_holds_tax
    from readings
    group by account_id

)

select * from final
