{# Aggregate: a sum of doubles, reproducible from run to run where the database allows it. #}
{% macro total(expression) %}
    {{- return(scorehouse._total(expression)) -}}
{% endmacro %}
