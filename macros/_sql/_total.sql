{#- The sum of doubles, the same in every run where the database can do that. -#}
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
