{# The keys of predictions to flag or delete, from the runtime. #}
{% macro _vanished_relation(staging) %}
    {{ return(scorehouse._beside(staging, '_vanished')) }}
{% endmacro %}
