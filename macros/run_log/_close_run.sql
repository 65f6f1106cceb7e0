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
            error = {{ scorehouse._literal_or_null(error) }},
            finished_at = coalesce(finished_at, {{ scorehouse._utc_now() }})
        where run_id = '{{ run_id }}' and status = 'started'
    {% endcall %}
{% endmacro %}

{#- a table of Parquet files cannot be updated -#}
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
