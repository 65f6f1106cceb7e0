-- Order lines of the retail examples: exact duplicates removed, returns separated from sales, money in pence.
with lines as (

    select distinct * from {{ source('online_retail', 'retail') }}

),

named as (

    select
        invoice,
        upper(trim(stock_code)) as stock_code,
        trim(description) as description,
        quantity,
        invoice_at,
        cast(invoice_at as date) as invoice_date,
        customer_id,
        country,
        cast(round(quantity * price * 100) as bigint) as amount_pence,
        case
            when price <= 0 then 'adjustment'
            when quantity > 0 then 'sale'
            else 'return'
        end as line_kind,
        {{ scorehouse.matches('upper(trim(stock_code))', '^[0-9]{5}[A-Z]*$') }} as is_product
    from lines

),

final as (

    select * from named

)

select * from final
