{# Counted in the table itself, after the swap or merge and before the commit. #}
{% macro _check_rows_written(target_relation, run) %}
    {% set written = run_query(
        "select count(*) as n from " ~ target_relation ~ " where scoring_run_id in (select run_id from "
        ~ scorehouse.run_log_relation() ~ " where parent_run_id = '" ~ run['run_id'] ~ "')"
    ).rows[0]['n'] %}
    {% if written != run['rows_in'] %}
        {% do scorehouse._fail(
            'writing ' ~ target_relation,
            run['rows_in'] ~ ' rows went in and ' ~ written ~ ' are in the table',
            'every row exactly once',
            'report this as a bug in scorehouse; the previous table is unchanged'
        ) %}
    {% endif %}
{% endmacro %}
