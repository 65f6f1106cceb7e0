{% macro _close_started(rows, ended) %}
    {# if a log is append-only, the row that a run began with stays next to the row that closed it #}
    {% set ended_rows = rows | rejectattr('status', 'equalto', 'started') %}
    {% set closed = ended_rows | map(attribute='parent_run_id') | map('string') | list %}
    {% for row in rows if row['status'] == 'started' and row['parent_run_id'] | string not in closed %}
        {% set result = ended.get(row['node']) or ended.get(row['prediction_table']) %}
        {% if result %}
            {% set status = 'failed' if result.status == 'error' else 'success' %}
            {% do scorehouse._close_run(row['run_id'], status, result.message if status == 'failed' else none) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
