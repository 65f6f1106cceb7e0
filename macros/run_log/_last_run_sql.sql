{#- The rows that the last successful run of a prediction table left for later runs, and when it ended: one
    row, or none if the log has no run. A run that began in the future was logged before the clock was set
    back: it counts only if there is no other run. Five minutes allow for the clock skew of two machines.
    -#}
{% macro _last_run_sql(predictions) %}
{% set latest = dbt.dateadd('minute', 5, scorehouse._utc_now()) %}
select
    max(finished_at) as finished_at,
    coalesce(sum(rows_left), 0) as rows_left
from {{ scorehouse.run_log_relation() }}
where prediction_table = {{ dbt.string_literal(dbt.escape_single_quotes(predictions | string)) }}
    and status = 'success'
    and started_at = (
        select coalesce(max(case when started_at <= {{ latest }} then started_at end), max(started_at))
        from {{ scorehouse.run_log_relation() }}
        where prediction_table = {{ dbt.string_literal(dbt.escape_single_quotes(predictions | string)) }}
            and status = 'success'
    )
having count(*) > 0
{% endmacro %}
