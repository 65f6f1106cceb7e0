{#- A label as text: as `_class_text` writes the class that it meets, or as it is if it meets none. Databases write a
    number as `1`, `1.0` or `1.00`, a flag as `true`, and a text of fixed length with spaces at its end, by the type of
    the column; labels meet their class by value. `classes` are the labels that are known. -#}
{% macro _label_text(label, classes) %}
    {% set text = 'cast(' ~ label ~ ' as ' ~ dbt.type_string() ~ ')' %}
    {% set are_values, keys, numbers, whens = classes | select('string') | list == [], [], [], [] %}
    {% for one in classes %}
        {% do keys.append(scorehouse._label_key(one, are_values)) %}
        {% do numbers.append(one) if modules.re.match('^[+-]?[0-9]+$', keys[-1]) %}
        {% if keys[-1] != scorehouse._class_text(one) %}
            {% do whens.append('when ' ~ scorehouse._text_literal(keys[-1]) ~ ' then '
                ~ scorehouse._text_literal(scorehouse._class_text(one))) %}
        {% endif %}
    {% endfor %}
    {#- Classes that differ in spaces alone are met as they are. -#}
    {% if keys | unique(case_sensitive=true) | list | length < keys | length %}
        {{ return(text) }}
    {% endif %}
    {% set key = 'trim(' ~ text ~ ')' %}
    {% if numbers %}
        {% set whole, fraction = dbt.split_part(key, "'.'", 1), dbt.split_part(key, "'.'", 2) %}
        {% set is_whole = 'coalesce(' ~ dbt.replace(fraction, "'0'", "''") ~ ", '') = ''" %}
        {% set key = 'case when ' ~ is_whole ~ ' then ' ~ whole ~ ' else ' ~ key ~ ' end' %}
    {% endif %}
    {% if are_values %}
        {% set key = 'case lower(' ~ key ~ ") when 'true' then '1' when 'false' then '0' else " ~ key ~ ' end' %}
    {% endif %}
    {#- Also for a class that is not given, where only the positive one is. -#}
    {% if classes | select('boolean') | list | length == classes | length %}
        {% set whens = ["when '1' then 'true' when '0' then 'false'"] %}
    {% elif classes | select('float') | list | length == classes | length %}
        {{ return('case when ' ~ dbt.position("'.'", key) ~ ' = 0 then ' ~ key ~ " || '.0' else " ~ key ~ ' end') }}
    {% endif %}
    {{ return('case ' ~ key ~ ' ' ~ whens | join(' ') ~ ' else ' ~ key ~ ' end' if whens else key) }}
{% endmacro %}


{#- What is the same for all spellings of a class: `1` for 1, 1.0 and true, a text without spaces around it. -#}
{% macro _label_key(label, is_value) %}
    {% if label is boolean %}
        {{ return('1' if label and is_value else '0' if is_value else scorehouse._class_text(label)) }}
    {% endif %}
    {% set text = (label | string).strip(' ') %}
    {{ return(text.split('.')[0] if modules.re.match('^[+-]?[0-9]+[.]0*$', text) else text) }}
{% endmacro %}
