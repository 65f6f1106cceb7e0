{#- The type of a column in the first of the relations that has it, in lower case; empty where none can be asked. -#}
{% macro _type_of_column(name, relations) %}
    {% set name = scorehouse._bare_name(name) %}
    {% for relation in relations if relation is not none and execute and load_relation(relation) is not none %}
        {% for column in adapter.get_columns_in_relation(relation) if column.name | lower == name | lower %}
            {{ return(column.dtype | lower) }}
        {% endfor %}
    {% endfor %}
    {{ return('') }}
{% endmacro %}
