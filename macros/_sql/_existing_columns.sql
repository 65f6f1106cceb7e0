{#- The names of a relation's columns; none while dbt parses, which has no connection, and where it compiles before
    the table is built. -#}
{% macro _existing_columns(relation) %}
    {% if not execute or load_relation(relation) is none %}
        {{ return([]) }}
    {% endif %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) }}
{% endmacro %}
