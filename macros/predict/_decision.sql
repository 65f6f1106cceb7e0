{#- What decides the labels of a version, as SQL literals: its threshold and classes in version control. They are not
    part of the compiled SQL that is pinned, so that a reviewed edit of them needs no new proof. -#}
{% macro _decision(call, name, number) %}
    {% set found = {} %}
    {% for version in scorehouse._registered_versions(name) or [] if version['version'] == number %}
        {% if 'undecided' in version %}
            {% set why = version['undecided'] %}
            {% do scorehouse._fail(call, why['problem'], why['expected'], why['action']) %}
        {% endif %}
        {% set threshold = version.get('threshold') %}
        {% do found.update({'threshold': scorehouse._exact_double(threshold) if threshold is not none else 'null'}) %}
        {% for label in fromjson(version.get('classes') or '[]') %}
            {% do found.update({'class_' ~ loop.index0: scorehouse._class_literal(label)}) %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#- A class as a literal of its own type. -#}
{% macro _class_literal(label) %}
    {% if label is boolean or label is integer %}
        {{ return(scorehouse._literal(label)) }}
    {% elif label is number %}
        {{ return(scorehouse._exact_double(label | string)) }}
    {% endif %}
    {#- as UNICODE in src/scorehouse/program/sql/printer.py: beyond ASCII, only an N-string keeps every letter -#}
    {% set literal = scorehouse._text_literal(label) %}
    {% set is_plain = label.isascii() or not scorehouse._by_database({'default': false, 'sqlserver': true}) %}
    {% if target.type == 'snowflake' %} {#- a table made of literals alone would be as narrow as the longest -#}
        {{ return('cast(' ~ literal ~ ' as varchar)') }}
    {% endif %}
    {{ return(literal if is_plain
        else 'cast(N' ~ literal ~ ' collate Latin1_General_100_BIN2_UTF8 as varchar(8000))') }}
{% endmacro %}


{#- A double that reads back as the same double: on some databases, 0.1e0 is a decimal. -#}
{% macro _exact_double(text) %}
    {{ return('cast(' ~ scorehouse._text_literal(scorehouse._double_literal(text)) ~ ' as '
        ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}
