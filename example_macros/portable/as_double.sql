{# A number in double precision. #}
{% macro as_double(expression) %}
    {{- return('cast(' ~ expression ~ ' as ' ~ scorehouse._type_double() ~ ')') -}}
{% endmacro %}
