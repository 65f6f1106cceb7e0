{#- A date or timestamp, given as a string, as an SQL timestamp. -#}
{% macro _moment(value) %}
    {{ return('cast(' ~ scorehouse._text_literal(value) ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
{% endmacro %}
