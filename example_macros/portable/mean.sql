{# Aggregate: a mean of doubles, the same in every run where the database can do that. #}
{% macro mean(expression) %}
    {{- return(scorehouse._mean(expression)) -}}
{% endmacro %}
