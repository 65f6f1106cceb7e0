{% macro _create_run_log_sql(relation) %}
    create table if not exists {{ relation }} (
        {%- for column in scorehouse._run_log_columns() %}
        {{ column[0] }} {{ column[1] }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{% endmacro %}
