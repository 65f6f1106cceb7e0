{# Makes the table of the run log where it is missing, and adds columns that a newer release brings.
   At the start of a dbt run it closes what an earlier one, which was killed, left open.
   It runs at the start of every dbt run, and before each scoring run; it commits by itself, since dbt
   rolls back what a hook at the start leaves open, and models that run at once would collide. #}
{% macro ensure_run_log() %}
    {% if execute %}
        {% set relation = scorehouse.run_log_relation() %}
        {% set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) %}
        {% if existing is none %}
            {% do adapter.create_schema(relation) %}
            {% call statement('make_run_log', auto_begin=true) %}
                {{ scorehouse._create_run_log_sql(relation) }}
            {% endcall %}
            {% do adapter.commit() %}
        {% else %}
            {% do scorehouse._add_missing_columns(existing) %}
            {# once a command: a hook is an operation, and what a model calls has no time to lose #}
            {% if model is defined and model.resource_type == 'operation' %}
                {% do scorehouse._close_left_runs() %}
            {% endif %}
        {% endif %}
    {% endif %}
{% endmacro %}
