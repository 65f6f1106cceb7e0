{# Aggregate: a mean of doubles, reproducible from run to run where the database allows it. #}
{% macro mean(expression) %}
    {{- return(scorehouse._mean(expression)) -}}
{% endmacro %}
