{# Closes, at the end of a dbt run, the rows of the run log that its models left as `started`: as `failed` with
   dbt's message, or under dbt's own `table` and `incremental` as `success`, since only now the table is
   in its place. A run that failed before it could begin gets its row here. A process that was killed
   does not come here, and its rows stay `started`. #}
{% macro close_runs(results) %}
    {% if execute %}
        {% set ended = {} %}
        {% for result in results or []
            if result.node.resource_type == 'model' and result.status in ['success', 'error'] %}
            {% do ended.update({result.node.unique_id: result, result.node.relation_name: result}) %}
        {% endfor %}
        {% if ended %}
            {% set rows = run_query(
                "select run_id, parent_run_id, status, node, prediction_table from " ~ scorehouse.run_log_relation()
                ~ " where invocation_id = '" ~ invocation_id ~ "'"
            ).rows %}
            {% do scorehouse._close_started(rows, ended) %}
            {% do scorehouse._log_unstarted(rows, ended) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{% macro _close_started(rows, ended) %}
    {# where a log is only appended to, the row that a run began with stays beside the one that closed it #}
    {% set ended_rows = rows | rejectattr('status', 'equalto', 'started') %}
    {% set closed = ended_rows | map(attribute='parent_run_id') | map('string') | list %}
    {% for row in rows if row['status'] == 'started' and row['parent_run_id'] | string not in closed %}
        {% set result = ended.get(row['node']) or ended.get(row['prediction_table']) %}
        {% if result %}
            {% set status = 'failed' if result.status == 'error' else 'success' %}
            {% do adapter.dispatch('_close_run', 'scorehouse')(
                row['run_id'], status, result.message if status == 'failed' else none
            ) %}
            {% do adapter.commit() %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{% macro default___close_run(run_id, status, error) %}
    {% call statement('close_run', auto_begin=true) %}
        update {{ scorehouse.run_log_relation() }}
        set
            status = '{{ status }}',
            error = {{ scorehouse._literal_or_null(error) }},
            finished_at = coalesce(finished_at, {{ scorehouse._utc_now() }})
        where run_id = '{{ run_id }}' and status = 'started'
    {% endcall %}
{% endmacro %}

{#- a table of Parquet files takes no update -#}
{% macro spark___close_run(run_id, status, error) %}
    {% set changed = {
        'status': "'" ~ status ~ "'",
        'error': scorehouse._literal_or_null(error),
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


{# Prediction tables whose run failed before its first row: by a hook, or by what its macros refuse. #}
{% macro _log_unstarted(rows, ended) %}
    {% set known = rows | map(attribute='node') | list %}
    {% for result in ended.values() | unique(attribute='node.unique_id')
        if result.status == 'error' and result.node.config.materialized == 'predictions'
        and result.node.unique_id not in known %}
        {% do scorehouse._insert_run({
            'run_id': scorehouse._scoring_run_id('', result.node.unique_id),
            'parent_run_id': scorehouse._scoring_run_id('', result.node.unique_id),
            'status': 'failed',
            'invocation_id': invocation_id,
            'node': result.node.unique_id,
            'prediction_table': result.node.relation_name,
            'materialization': 'predictions',
            'engine': target.type,
            'model_name': scorehouse._ml_model_of(result.node.to_dict()),
            'error': result.message,
        }, ['started_at', 'finished_at']) %}
    {% endfor %}
{% endmacro %}
