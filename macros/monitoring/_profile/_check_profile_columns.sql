{#- Refuses a table that lacks a column of the reference; the database's own error would only give a
    position in the SQL. Records which columns are floats: whole numbers in them are written as in the
    reference. -#}
{% macro _check_profile_columns(call, columns, relation, part) %}
    {% if load_relation(relation) is not none %}
        {% set found = adapter.get_columns_in_relation(relation) %}
        {% set present = found | map(attribute='name') | map('lower') | list %}
        {% for one in found %}
            {% for column in columns
                if (part is none or column.part == part) and column.name | lower == one.name | lower %}
                {% do column.update({'type': one.dtype | lower}) %}
                {% do scorehouse._check_profile_type(
                    call, 'predictions' if part != 'feature' else 'features', column, one, relation
                ) %}
            {% endfor %}
        {% endfor %}
        {% for one in found if one.is_float() or one.dtype | lower in ['double', 'float', 'real', 'double precision'] %}
            {% for column in columns
                if (part is none or column.part == part) and column.name | lower == one.name | lower %}
                {% do column.update({'is_float': true}) %}
            {% endfor %}
        {% endfor %}
        {% for column in columns if (part is none or column.part == part) and column.name | lower not in present %}
            {% do scorehouse._argument_error(
                call, 'predictions' if part != 'feature' else 'features', relation.identifier,
                'a table with the column `' ~ column.name ~ '` of the reference, and there are only '
                    ~ present | join(', '),
                'name the table that was scored; if it does not have the features, add `features: ref(...)`'
                    ~ ' and `key: ...`'
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
