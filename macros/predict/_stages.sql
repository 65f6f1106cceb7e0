{#- The statements of a verified select, which are several if one would be longer than the database accepts: each
    selects from the table that the one before has made. -#}
{% macro _stages(text) %}
    {{ return(text.split('<scorehouse>next statement<scorehouse>')) }}
{% endmacro %}
