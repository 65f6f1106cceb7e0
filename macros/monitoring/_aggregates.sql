{#- Mean and sum of doubles, the same in every run where the database can do that. -#}
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

{#- The exponential; 0 where it is too small for a double, which PostgreSQL refuses to round. -#}
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
