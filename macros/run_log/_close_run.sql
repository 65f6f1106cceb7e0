{#- Closes a run's row with the status `started`, and commits it. -#}
{% macro _close_run(run_id, status, error) %}
    {% do adapter.dispatch('_close_run', 'scorehouse')(run_id, status, error) %}
    {% do adapter.commit() %}
{% endmacro %}

{% macro default___close_run(run_id, status, error) %}
    {% call statement('close_run', auto_begin=true) %}
        update {{ scorehouse.run_log_relation() }}
        set
            status = '{{ status }}',
            error = {{ scorehouse._literal(error) }},
            finished_at = coalesce(finished_at, {{ scorehouse._utc_now() }})
        where run_id = '{{ run_id }}' and status = 'started'
    {% endcall %}
{% endmacro %}

{#- a table of Parquet files cannot be updated -#}
{% macro spark___close_run(run_id, status, error) %}
    {% set changed = {
        'status': "'" ~ status ~ "'",
        'error': scorehouse._literal(error),
        'finished_at': 'coalesce(finished_at, ' ~ scorehouse._utc_now() ~ ')',
    } %}
    {% set log = scorehouse.run_log_relation() %}
    {% call statement('close_run') %}
        insert into {{ log }}
        select
        {%- for column in adapter.get_columns_in_relation(log) %}
            {{ changed.get(column.name, column.name) }} as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
        from {{ log }}
        where run_id = '{{ run_id }}' and status = 'started'
    {% endcall %}
{% endmacro %}


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
    {% set tables, ids, standing = left | map(attribute='prediction_table') | list, [], [] %}
    {% for node in graph['nodes'].values() if node.get('relation_name') in tables %}
        {% set table = adapter.get_relation(node.database, node.schema, node.alias) %}
        {% set columns = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list
            if table else [] %}
        {% if 'scoring_run_id' in columns %}
            {% set runs = run_query('select distinct scoring_run_id from ' ~ table).rows %}
            {% do ids.extend(runs | map(attribute=0) | map('string')) %}
        {% endif %}
    {% endfor %}
    {% for row in left if row['run_id'] | string in ids %}
        {% do standing.append(row['parent_run_id'] | string) %}
    {% endfor %}
    {% for row in left if row['parent_run_id'] | string in standing %}
        {% do scorehouse._close_run(row['run_id'], 'success', none) %}
    {% endfor %}
{% endmacro %}
