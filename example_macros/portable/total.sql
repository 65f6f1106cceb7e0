{# Aggregate: a sum of doubles, the same in every run where the database can do that. #}
{% macro total(expression) %}
    {{- return(scorehouse._total(expression)) -}}
{% endmacro %}
