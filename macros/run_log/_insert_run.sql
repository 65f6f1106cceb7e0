{# Writes a row of the run log and commits it; `times` are the columns that get the current time. #}
{% macro _insert_run(values, times) %}
    {% set types = scorehouse._run_log_types() %}
    {% call statement('insert_run', auto_begin=true) %}
        insert into {{ scorehouse.run_log_relation() }} ({{ (values.keys() | list + times) | join(', ') }})
        select
        {%- for name, value in values.items() %}
            cast({{ scorehouse._literal_or_null(value) }} as {{ types[name] }}),
        {%- endfor %}
        {%- for _ in times %}
            {{ scorehouse._utc_now() }}{{ ',' if not loop.last }}
        {%- endfor %}
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}
