-- Scoring runs: which ML model made which rows from which input, and how the run ended.
{{ config(materialized='view', enabled=var('scorehouse_runs_enabled', true)) }}

{# What a reader looks for first; the other columns of the run log follow. #}
{% set first = [
    'status', 'model_name', 'model_version', 'alias_asked', 'prediction_table', 'rows_in', 'rows_scored', 'rows_rejected'
] %}

with run_log as (

    select * from {{ source('scorehouse', 'scorehouse_run_log') }}

),

-- on Spark, the row that a run began with stays next to the row that closed it
runs as (

    select run_log.*
    from run_log
    where
        run_log.status <> 'started'
        or not exists (
            select 1
            from run_log as closing
            where closing.parent_run_id = run_log.parent_run_id and closing.status <> 'started'
        )

),

final as (

    select
        run_id as scoring_run_id,
        {{ first | join(',\n        ') }},
        case when rows_in > 0 then rows_rejected * 1.0e0 / rows_in end as rejected_share,
        case when seconds > 0 then (rows_in - coalesce(rows_resumed, 0)) / seconds end as rows_per_second
        {%- for name in scorehouse._run_log_columns() if name not in ['run_id'] + first %},
        {{ name }}
        {%- endfor %}
    from runs

)

select * from final
