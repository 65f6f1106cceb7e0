{#- A select of literal rows: not every database accepts `values` as a table. -#}
{% macro _given_rows(columns, rows) %}
    {% set selects = [] %}
    {% for row in rows %}
        {% set items = [] %}
        {% for column in columns %}
            {% do items.append(row[loop.index0] ~ ' as ' ~ column) %}
        {% endfor %}
        {% do selects.append('select ' ~ items | join(', ')) %}
    {% endfor %}
    {{ return(selects | join('\n    union all ')) }}
{% endmacro %}


{#- A select of the numbers from 1, one per row. -#}
{% macro _given_numbers(column, last) %}
    {{ return(scorehouse._given_rows([column], range(1, last + 1) | batch(1))) }}
{% endmacro %}


{#- A select of names, one per row. -#}
{% macro _given_names(column, names) %}
    {{ return(scorehouse._given_rows([column], scorehouse._text_literals(names) | batch(1))) }}
{% endmacro %}


{#- A relation under a name. With `--empty`, dbt writes a subquery in its place, which has a name already on most
    databases. -#}
{% macro _named(relation, name) %}
    {{- '(select * from ' ~ relation ~ ') as ' ~ name -}}
{% endmacro %}
