{#- Refuses a column whose values cannot be what the reference has: text in place of numbers or dates, or one of these
    in place of the other. -#}
{% macro _check_profile_type(call, argument, column, found, relation) %}
    {% set type = found.dtype | lower %}
    {% set is_date = type.startswith('date') or type.startswith('timestamp') %}
    {% if column.is_numeric and (found.is_string() or is_date != column.is_age) %}
        {% do scorehouse._argument_error(
            call, argument, relation.identifier,
            'a table with the types of training, where `' ~ column.name ~ '` held '
                ~ ('dates' if column.is_age else 'numbers') ~ ', and here `' ~ column.name ~ '` is ' ~ found.dtype,
            'cast the column in the model, as it was in training'
        ) %}
    {% endif %}
{% endmacro %}
