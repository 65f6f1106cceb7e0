{# Aggregate: the value of the row with the latest `at`; in a tie, the greatest value. #}
{% macro latest(value, at) %}
    {{ return(adapter.dispatch('latest', 'scorehouse')(value, at)) }}
{% endmacro %}


{% macro default__latest(value, at) %}
    {{ return('arg_max(' ~ value ~ ', (' ~ at ~ ', ' ~ value ~ '))') }}
{% endmacro %}


{# https://www.postgresql.org/docs/current/functions-aggregate.html: there is no arg_max #}
{% macro postgres__latest(value, at) %}
    {{ return('(array_agg(' ~ value ~ ' order by ' ~ at ~ ' desc, ' ~ value ~ ' desc))[1]') }}
{% endmacro %}


{# https://spark.apache.org/docs/latest/api/sql/index.html#max_by #}
{% macro spark__latest(value, at) %}
    {{ return('max_by(' ~ value ~ ', struct(' ~ at ~ ', ' ~ value ~ '))') }}
{% endmacro %}
