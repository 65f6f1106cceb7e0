{#- The rows of a query as mappings, by column names in lower case: some warehouses return names in capitals. -#}
{% macro _rows_of(sql) %}
    {% set found, rows = run_query(sql), [] %}
    {% set names = found.column_names | map('lower') | list %}
    {% for row in found.rows %}
        {% set named = {} %}
        {% for name in names %}
            {% do named.update({name: row[loop.index0]}) %}
        {% endfor %}
        {% do rows.append(named) %}
    {% endfor %}
    {{ return(rows) }}
{% endmacro %}
