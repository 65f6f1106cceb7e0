{# Whether dbt's second engine runs, which has no Python models on DuckDB. #}
{% macro _is_dbt2() %}
    {{ return((dbt_version | string).split('.')[0] | int >= 2) }}
{% endmacro %}
