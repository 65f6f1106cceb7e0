{#- How many reasons a table has per row; it is refused if it has none. -#}
{% macro _reason_count(call, predictions, columns) %}
    {% set numbers = [] %}
    {% for column in columns %}
        {% set parts = column.split('_') %}
        {% if parts | length == 3 and parts[0] == 'reason' and parts[2] == 'contribution' %}
            {% do numbers.append(parts[1] | int) %}
        {% endif %}
    {% endfor %}
    {% if not numbers %}
        {% do scorehouse._argument_error(
            call, 'predictions', predictions,
            'a prediction table with reasons; its columns are ' ~ columns | join(', '),
            'score with `reasons`: as many as there are features, perhaps for a sample of the rows'
        ) %}
    {% endif %}
    {{ return(numbers | length) }}
{% endmacro %}
