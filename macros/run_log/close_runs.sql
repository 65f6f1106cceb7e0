{# At the end of a dbt run, closes the rows of the run log that its models left as `started`: as `failed`
   with dbt's message, or under dbt's own `table` and `incremental` as `success`, since only now the table
   is in place. A prediction table that failed before it could start, or that was skipped since something
   before it failed, gets its row here. A killed process does not get here, so its rows stay `started`. #}
{% macro close_runs(results) %}
    {% if execute %}
        {% set models = (results or []) | selectattr('node.resource_type', 'equalto', 'model') | list %}
        {% set unscored = models | selectattr('status', 'in', ['error', 'skipped']) | list %}
        {% set ended = {} %}
        {% for result in models if result.status in ['success', 'error'] %}
            {% do ended.update({result.node.unique_id: result, result.node.relation_name: result}) %}
        {% endfor %}
        {% if ended or unscored %}
            {% set rows = scorehouse._rows_of(
                "select run_id, parent_run_id, status, node, prediction_table from " ~ scorehouse.run_log_relation()
                ~ " where invocation_id = '" ~ invocation_id ~ "'"
            ) %}
            {% do scorehouse._close_started(rows, ended) %}
            {% do scorehouse._log_unscored(rows, unscored, results) %}
            {% do scorehouse._warehouse_drop_left(ended) %}
        {% endif %}
    {% endif %}
{% endmacro %}
