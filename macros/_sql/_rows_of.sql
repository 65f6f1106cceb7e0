{#- The rows of a query as mappings, by column names in lower case: some warehouses return names in capitals. -#}
{% macro _rows_of(sql) %}
    {% set found, rows = run_query(sql), [] %}
    {% set names = found.column_names | map('lower') | list %}
    {% for row in found.rows %}
        {% do rows.append(dict(zip(names, row.values()))) %}
    {% endfor %}
    {{ return(rows) }}
{% endmacro %}


{#- The names of a relation's columns; none while dbt parses, which has no connection, and where it compiles before
    the table is built. -#}
{% macro _existing_columns(relation) %}
    {% if execute and relation is string %}
        {#- the subquery of a test with `where` #}
        {{ return(run_query('select * from ' ~ relation ~ ' where 1 = 0').column_names | list) }}
    {% elif not execute or load_relation(relation) is none %}
        {{ return([]) }}
    {% endif %}
    {#- databases list no materialized views, and `build --empty` gives a subquery for a name #}
    {% set names = adapter.get_columns_in_relation(load_relation(relation)) | map(attribute='name') | list %}
    {{ return(names or (run_query('select * from ' ~ relation ~ ' where 1 = 0').column_names | list)) }}
{% endmacro %}


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
