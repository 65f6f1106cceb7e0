{# Creates the run log table if it is missing, and adds the columns of a newer release. At the start of a
   dbt run, it also closes the rows that an earlier, killed dbt run left open. It runs at the start of every
   dbt run and before each scoring run. It commits its changes itself: dbt rolls back what an `on-run-start`
   hook leaves open, and models that run at the same time would collide. #}
{% macro ensure_run_log() %}
    {% if execute %}
        {% set relation, columns = scorehouse.run_log_relation(), scorehouse._run_log_columns() %}
        {% set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) %}
        {% set aside = load_relation(scorehouse._beside(relation, '__scorehouse_old')) if existing is none %}
        {% if aside %}
            {# compact_run_log was killed between its two renames #}
            {% do adapter.rename_relation(aside, relation) %}
        {% elif existing is none %}
            {% do adapter.create_schema(relation) %}
            {% call statement('make_run_log', auto_begin=true) %}
                create table if not exists {{ relation }} (
                    {%- for name, type in columns.items() %}
                    {{ name }} {{ type }}{{ ',' if not loop.last }}
                    {%- endfor %}
                )
            {% endcall %}
            {% do adapter.commit() %}
        {% else %}
            {% set present = adapter.get_columns_in_relation(existing) | map(attribute='name') | map('lower') | list %}
            {% for name, type in columns.items() if name not in present %}
                {% call statement('widen_run_log', auto_begin=true) %}
                    alter table {{ existing }} add column {{ name }} {{ type }}
                {% endcall %}
                {% do adapter.commit() %}
            {% endfor %}
            {# only once per command: a hook is an operation; a call from a model must be fast #}
            {% if model is defined and model.resource_type == 'operation' %}
                {% do scorehouse._close_left_runs() %}
            {% endif %}
        {% endif %}
        {% do scorehouse._warn_of_writers() %}
    {% endif %}
{% endmacro %}
