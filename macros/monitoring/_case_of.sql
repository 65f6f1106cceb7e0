{#- SQL of a value that depends on a column, by what the column can be. Numbers are written as doubles. -#}
{% macro _case_of(column, values, otherwise=none) %}
    {% set whens = [] %}
    {% for key, value in values.items() %}
        {% do whens.append(
            'when ' ~ (key if key is number else scorehouse._text_literal(key))
            ~ ' then ' ~ (value if value is string else scorehouse._optional_double(value))
        ) %}
    {% endfor %}
    {{ return('case ' ~ column ~ ' ' ~ whens | join(' ') ~ (' else ' ~ otherwise if otherwise else '') ~ ' end') }}
{% endmacro %}
