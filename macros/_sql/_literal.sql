{#- A value as a literal of its own type. -#}
{% macro _literal(value) %}
    {% if value is none %}
        {{ return('null') }}
    {% elif value is boolean %}
        {% set texts = scorehouse._by_database({
            'default': ['false', 'true'], 'sqlserver': ['cast(0 as bit)', 'cast(1 as bit)']
        }) %}
        {{ return(texts[value | int]) }}
    {% elif value is number %}
        {{ return(value | string) }}
    {% endif %}
    {{ return(scorehouse._text_literal(value)) }}
{% endmacro %}


{#- A string as an SQL literal. -#}
{% macro _text_literal(value) %}
    {% set text = value | string %}
    {#- where a backslash is an escape in a string -#}
    {% if scorehouse._dialect().get('backslash') %}
        {% set text = text | replace('\\', '\\\\') | replace('\n', '\\n') | replace('\r', '\\r') %}
    {% endif %}
    {{ return(dbt.string_literal(dbt.escape_single_quotes(text))) }}
{% endmacro %}


{#- Strings as a list of SQL literals. -#}
{% macro _text_literals(values) %}
    {% set literals = [] %}
    {% for value in values %}
        {% do literals.append(scorehouse._text_literal(value)) %}
    {% endfor %}
    {{ return(literals) }}
{% endmacro %}


{#- A number as a literal with an exponent: in DuckDB and Spark 0.1 is a DECIMAL and 0.1e0 a DOUBLE. -#}
{% macro _double_literal(value) %}
    {% set text = value | string %}
    {{ return(text if 'e' in text else text ~ 'e0') }}
{% endmacro %}


{#- A number as a double, or NULL. -#}
{% macro _optional_double(value) %}
    {{ return(scorehouse._double_literal(value) if value is not none
        else 'cast(null as ' ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}


{#- Conditions of days: from the first, and before the last; either may be none. -#}
{% macro _in_days(column, date_from, date_to=none) %}
    {{ return((' and ' ~ column ~ ' >= ' ~ scorehouse._moment(date_from) if date_from else '')
        ~ (' and ' ~ column ~ ' < ' ~ scorehouse._moment(date_to) if date_to else '')) }}
{% endmacro %}


{#- A date or timestamp, given as a string, as an SQL timestamp. -#}
{% macro _moment(value) %}
    {{ return('cast(' ~ scorehouse._text_literal(value) ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
{% endmacro %}
