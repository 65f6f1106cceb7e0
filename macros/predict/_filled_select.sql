{#- A verified select over `relation`: `keep` is SQL that ends with a comma, `columns` are quoted.
    Everything is filled in one pass, so that placeholders within a value are not filled again. -#}
{% macro _filled_select(text, relation, keep, columns) %}
    {% set values, parts = {'relation': relation | string, 'keep': keep}, [] %}
    {% for column in columns %}
        {% do values.update({loop.index0 | string: column}) %}
    {% endfor %}
    {% for part in text.split('<scorehouse>') %}
        {% do parts.append(values[part] if loop.index0 is odd else part) %}
    {% endfor %}
    {{ return(parts | join) }}
{% endmacro %}
