{#- The exponential function; 0 where the result underflows, which is an error in PostgreSQL. -#}
{% macro _exp(expression) %}
    {{ return(adapter.dispatch('_exp', 'scorehouse')(expression)) }}
{% endmacro %}

{#- https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT: underflow is an error -#}
{% macro default___exp(expression) %}
    {{ return('case when ' ~ expression ~ ' < -600e0 then 0e0 else exp(' ~ expression ~ ') end') }}
{% endmacro %}

{% macro duckdb___exp(expression) %}
    {{ return('exp(' ~ expression ~ ')') }}
{% endmacro %}
