{#- Refuses a task whose performance cannot be estimated. -#}
{% macro _check_estimated_task(call, task) %}
    {% if task not in ['classification', 'regression'] %}
        {% do scorehouse._argument_error(
            call, 'task', task, 'classification or regression', 'write `task: regression`'
        ) %}
    {% endif %}
{% endmacro %}
