-- Every prediction table of the examples with its scoring runs, as an overview for reviewers.
{%- set tables = [
    'flight_predictions', 'churn_predictions', 'demand_predictions', 'segment_predictions', 'ranking_predictions'
] %}

with runs as (

    select * from {{ ref('scorehouse_runs') }}

),

predictions as (

    {% for table in tables %}
        select
            '{{ table }}' as prediction_table,
            scoring_run_id,
            count(*) as rows_in_table,
            count(*) filter (where row_status = 'scored') as rows_scored,
            count(*) filter (where row_status = 'rejected') as rows_rejected,
            mode(reject_reason) as most_frequent_reason
        from {{ ref(table) }}
        group by all
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        predictions.prediction_table,
        runs.model_name,
        runs.model_version,
        predictions.rows_in_table,
        predictions.rows_scored,
        predictions.rows_rejected,
        predictions.most_frequent_reason,
        runs.seconds,
        runs.rows_per_second,
        runs.peak_memory_mib,
        runs.finished_at,
        predictions.scoring_run_id
    from predictions
    inner join runs on predictions.scoring_run_id = runs.scoring_run_id

)

select * from final
