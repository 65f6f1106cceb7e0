{#- Refuses a column that the prediction table does not have; the database's own error would only name a line of the
    compiled SQL. `present` is empty while the table cannot be asked. -#}
{% macro _check_passed_through(call, argument, name, predictions, present) %}
    {% if present and name | trim('"`') | lower not in present | map('lower') | list %}
        {% do scorehouse._argument_error(
            call, argument, name,
            'a column of ' ~ predictions.identifier ~ ', which has ' ~ present | join(', '),
            "pass the column through in the prediction table (`passthrough=['" ~ name ~ "']`) and build it, "
                ~ 'or name another one'
        ) %}
    {% endif %}
{% endmacro %}
