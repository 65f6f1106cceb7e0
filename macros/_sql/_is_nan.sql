{#- SQL that is true for NaN. -#}
{% macro _is_nan(expression) %}
    {{ return(adapter.dispatch('_is_nan', 'scorehouse')(expression)) }}
{% endmacro %}

{% macro default___is_nan(expression) -%}
    cast({{ expression }} as {{ scorehouse._type_double() }}) = cast('NaN' as {{ scorehouse._type_double() }})
{%- endmacro %}

{#- https://duckdb.org/docs/stable/sql/functions/numeric#isnanx -#}
{% macro duckdb___is_nan(expression) -%}
    isnan(cast({{ expression }} as double))
{%- endmacro %}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions#is_nan -#}
{% macro bigquery___is_nan(expression) -%}
    is_nan(cast({{ expression }} as float64))
{%- endmacro %}
