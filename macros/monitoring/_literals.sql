{#- A text as an SQL literal. -#}
{% macro _text_literal(value) %}
    {{ return(dbt.string_literal(dbt.escape_single_quotes(value | string))) }}
{% endmacro %}

{#- One value for each version of an ML model: the value itself where all agree, else a `case`. -#}
{% macro _by_version(values) %}
    {% if values.values() | unique | list | length == 1 %}
        {{ return(values.values() | first) }}
    {% endif %}
    {% set whens = [] %}
    {% for version, value in values.items() %}
        {% do whens.append('when ' ~ version ~ ' then ' ~ value) %}
    {% endfor %}
    {{ return('case version ' ~ whens | join(' ') ~ ' end') }}
{% endmacro %}

{#- Rows that are written out, as a select: not every database reads `values` as a table. -#}
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

{#- Names as rows with one column. -#}
{% macro _given_names(column, names) %}
    {% set rows = [] %}
    {% for name in names %}
        {% do rows.append([scorehouse._text_literal(name)]) %}
    {% endfor %}
    {{ return(scorehouse._given_rows([column], rows)) }}
{% endmacro %}

{#- A moment, given as a date or a timestamp in a text, as a timestamp. -#}
{% macro _moment(value) %}
    {{ return('cast(' ~ scorehouse._text_literal(value) ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
{% endmacro %}
