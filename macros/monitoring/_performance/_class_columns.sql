{#- The columns of the class scores, named as scoring names them: `class_columns` in Python has the same
    rule, and a test compares the two. A name is quoted unless it has only lower-case ASCII letters, digits
    and `_`. -#}
{% macro _class_columns(labels) %}
    {% set marks = '\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f' %}
    {% set other = '(?:[^\\w' ~ marks ~ ']|_)+' %}
    {% set names = [] %}
    {% for label in labels %}
        {% set text = modules.re.sub('^-(?=[.]?[0-9])', 'minus_', label | string | lower) %}
        {% do names.append('score_' ~ (modules.re.sub(other, '_', text).strip('_') or 'empty')) %}
    {% endfor %}
    {% set columns, taken = [], [] %}
    {% for name in names if names.count(name) == 1 %}
        {% do taken.append(name) %}
    {% endfor %}
    {% for name in names %}
        {% set free = namespace(name=name) %}
        {% if names.count(name) > 1 %}
            {% set free.name = name ~ '_' ~ loop.index0 %}
            {% for _ in names if free.name in taken %}
                {% set free.name = free.name ~ '_' %}
            {% endfor %}
            {% do taken.append(free.name) %}
        {% endif %}
        {% do columns.append(scorehouse._quote_unless_plain(free.name)) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}
