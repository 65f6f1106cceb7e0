{#- The sum of doubles, reproducible from run to run where the database allows it. -#}
{% macro _total(expression) %}
    {{ return(adapter.dispatch('_total', 'scorehouse')(expression)) }}
{% endmacro %}

{% macro default___total(expression) %}
    {{ return('sum(' ~ expression ~ ')') }}
{% endmacro %}

{#- https://duckdb.org/docs/stable/sql/functions/aggregates#fsumarg -#}
{% macro duckdb___total(expression) %}
    {{ return('fsum(' ~ expression ~ ')') }}
{% endmacro %}
