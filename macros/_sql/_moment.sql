{#- A moment, given as a date or a timestamp in a text, as a timestamp. -#}
{% macro _moment(value) %}
    {{ return('cast(' ~ scorehouse._text_literal(value) ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
{% endmacro %}
