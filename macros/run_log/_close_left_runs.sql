{# At the start of a dbt run, closes the rows of runs whose table was written although their dbt command was
   killed. Under dbt's own `table` and `incremental`, a run's numbers are logged as `started` until the
   command ends. If the table has rows of the run, dbt had put it in place. #}
{% macro _close_left_runs() %}
    {% set log = scorehouse.run_log_relation() %}
    {% set left = scorehouse._rows_of(
        "select run_id, parent_run_id, prediction_table from " ~ log ~ " as begun where status = 'started'"
        ~ " and finished_at is not null and materialization <> 'predictions' and invocation_id <> '"
        ~ invocation_id ~ "' and not exists (select 1 from " ~ log ~ " as closing"
        ~ " where closing.parent_run_id = begun.parent_run_id and closing.status <> 'started')"
    ) %}
    {% set standing = [] %}
    {% for table in left | map(attribute='prediction_table') | unique %}
        {% do standing.extend(scorehouse._runs_in_table(table, left)) %}
    {% endfor %}
    {% for row in left if row['parent_run_id'] | string in standing %}
        {% do scorehouse._close_run(row['run_id'], 'success', none) %}
    {% endfor %}
{% endmacro %}


{# Which of these runs have rows in a table; none if the project or the database no longer has the table. #}
{% macro _runs_in_table(table, runs) %}
    {% set relations, ids, parents = [], [], [] %}
    {% for node in graph['nodes'].values() if node.get('relation_name') == table %}
        {% do relations.append(adapter.get_relation(node.database, node.schema, node.alias)) %}
    {% endfor %}
    {% for relation in relations if relation %}
        {% set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list %}
        {% if 'scoring_run_id' in columns %}
            {% set found = run_query('select distinct scoring_run_id from ' ~ relation).rows %}
            {% do ids.extend(found | map(attribute=0) | map('string')) %}
        {% endif %}
    {% endfor %}
    {% for run in runs if run['run_id'] | string in ids %}
        {% do parents.append(run['parent_run_id'] | string) %}
    {% endfor %}
    {{ return(parents) }}
{% endmacro %}
