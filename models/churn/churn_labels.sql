-- Whether each customer bought nothing in the 90 days after the snapshot, and when that can be known.
with retail_lines as (

    select * from {{ ref('retail_lines') }}

),

churn_snapshots as (

    select * from {{ ref('churn_snapshots') }}

),

data_end as (

    select max(invoice_date) as last_date from retail_lines

),

returned as (

    select distinct
        churn_snapshots.customer_id,
        churn_snapshots.snapshot_date
    from churn_snapshots
    inner join retail_lines
        on
            churn_snapshots.customer_id = retail_lines.customer_id
            and retail_lines.invoice_date >= churn_snapshots.snapshot_date
            and retail_lines.invoice_date < churn_snapshots.snapshot_date + 90
    where retail_lines.line_kind = 'sale'

),

final as (

    select
        churn_snapshots.customer_id,
        churn_snapshots.snapshot_date,
        churn_snapshots.snapshot_date + 90 as label_available_at,
        case
            when churn_snapshots.snapshot_date + 90 <= (select data_end.last_date from data_end)
                then cast(returned.customer_id is null as integer)
        end as churned
    from churn_snapshots
    left join returned
        on
            churn_snapshots.customer_id = returned.customer_id
            and churn_snapshots.snapshot_date = returned.snapshot_date

)

select * from final
