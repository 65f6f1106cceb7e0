{#- The sum of doubles, reproducible from run to run where the database allows it.
    https://duckdb.org/docs/stable/sql/functions/aggregates#fsumarg: Kahan summation -#}
{% macro _total(expression) %}
    {{ return(scorehouse._by_database({'default': 'sum', 'duckdb': 'fsum'}) ~ '(' ~ expression ~ ')') }}
{% endmacro %}


{#- The mean of doubles, likewise. -#}
{% macro _mean(expression) %}
    {{ return(scorehouse._by_database({'default': 'avg', 'duckdb': 'favg'}) ~ '(' ~ expression ~ ')') }}
{% endmacro %}


{#- The values of a column, in order, as one text with commas; NULL if all of them are NULL. On Spark, dbt's own has no
    order, and warns: https://docs.getdbt.com/reference/dbt-jinja-functions/cross-database-macros#listagg -#}
{% macro _listed(column) %}
    {% if scorehouse._by_database({'default': false, 'spark': true}) %}
        {{ return("nullif(array_join(sort_array(collect_list(" ~ column ~ ")), ', '), '')") }}
    {% endif %}
    {{ return('nullif(' ~ dbt.listagg(column, "', '", 'order by ' ~ column) ~ ", '')") }}
{% endmacro %}
