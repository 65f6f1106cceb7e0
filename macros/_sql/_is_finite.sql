{#- True for a finite number, false for NaN and the infinities, NULL for NULL. -#}
{% macro _is_finite(expression) %}
    {{ return(adapter.dispatch('_is_finite', 'scorehouse')(expression)) }}
{% endmacro %}

{#- IEEE 754: infinity - infinity and NaN - NaN are NaN, which equals 0 nowhere. -#}
{% macro default___is_finite(expression) -%}
    (({{ expression }}) - ({{ expression }}) = 0)
{%- endmacro %}

{#- https://duckdb.org/docs/stable/sql/functions/numeric#isfinitex -#}
{% macro duckdb___is_finite(expression) -%}
    isfinite(cast({{ expression }} as double))
{%- endmacro %}
