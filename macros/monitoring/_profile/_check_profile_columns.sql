{#- Refuses a table that lacks a column of the reference, or whose values cannot be what the reference has: text in
    place of numbers or dates, or one of these in place of the other. The database's own error would only give a
    position in the SQL. Records types, and which columns are floats: whole numbers in them are written as in the
    reference. -#}
{% macro _check_profile_columns(call, columns, relation, part) %}
    {% set argument = 'predictions' if part != 'feature' else 'features' %}
    {% set found = adapter.get_columns_in_relation(relation) if load_relation(relation) is not none else [] %}
    {% set present = dict(zip(found | map(attribute='name') | map('lower'), found)) %}
    {% for column in columns if present and (part is none or column.part == part) %}
        {% set one = present.get(column.name | lower) %}
        {% do scorehouse._check_rules(call, [
            (argument, relation.identifier, one is none,
                'a table with the column `' ~ column.name ~ '` of the reference, and there are only '
                    ~ present | join(', '),
                'name the table that was scored; if it does not have the features, add `features: ref(...)`'
                    ~ ' and `key: ...`'),
        ]) %}
        {% set type = one.dtype | lower %}
        {% set is_date = type.startswith('date') or type.startswith('timestamp') %}
        {% do scorehouse._check_rules(call, [
            (argument, relation.identifier, column.is_numeric and (one.is_string() or is_date != column.is_age),
                'a table with the types of training, where `' ~ column.name ~ '` held '
                    ~ ('dates' if column.is_age else 'numbers') ~ ', and here `' ~ column.name ~ '` is ' ~ one.dtype,
                'cast the column in the model, as it was in training'),
        ]) %}
        {% set is_float = one.is_float() or type in ['double', 'float', 'real', 'double precision'] %}
        {% do column.update({'type': type, 'is_float': is_float}) %}
    {% endfor %}
{% endmacro %}
