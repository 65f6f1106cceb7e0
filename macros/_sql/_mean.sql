{#- The mean of doubles, reproducible from run to run where the database allows it. -#}
{% macro _mean(expression) %}
    {{ return(adapter.dispatch('_mean', 'scorehouse')(expression)) }}
{% endmacro %}

{% macro default___mean(expression) %}
    {{ return('avg(' ~ expression ~ ')') }}
{% endmacro %}

{#- https://duckdb.org/docs/stable/sql/functions/aggregates#favgx: Kahan summation -#}
{% macro duckdb___mean(expression) %}
    {{ return('favg(' ~ expression ~ ')') }}
{% endmacro %}
