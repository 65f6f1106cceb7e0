{# Deletes the row that a run began with; the same transaction writes the row that it ends with. #}
{% macro _delete_started(run_id) %}
    {% call statement('delete_started') %}
        delete from {{ scorehouse.run_log_relation() }}
        where parent_run_id = '{{ run_id }}' and status = 'started'
    {% endcall %}
{% endmacro %}
