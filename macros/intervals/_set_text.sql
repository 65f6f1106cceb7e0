{#- A JSON list of the classes whose condition holds, such as `["low", "middle"]`. -#}
{% macro _set_text(classes, conditions) %}
    {% set parts = [] %}
    {% for label in classes %}
        {% do parts.append(
            'case when ' ~ conditions[loop.index0] ~ ' then '
            ~ scorehouse._text_literal(', "' ~ label ~ '"') ~ " else '' end"
        ) %}
    {% endfor %}
    {{ return("'[' || substr(" ~ parts | join(' || ') ~ ", 3) || ']'") }}
{% endmacro %}


{#- How many classes are in a set: each has two quotes. -#}
{% macro _set_size(column) %}
    {{ return('(' ~ dbt.length(column) ~ ' - ' ~ dbt.length(dbt.replace(column, "'\"'", "''")) ~ ') / 2') }}
{% endmacro %}


{#- Whether the class in one column is in the set of another. -#}
{% macro _set_has(column, label) %}
    {{ return(dbt.position("'\"' || " ~ label ~ " || '\"'", column) ~ ' > 0') }}
{% endmacro %}
