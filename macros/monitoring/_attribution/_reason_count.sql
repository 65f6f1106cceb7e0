{#- How many reasons a table has per row; it is refused if it has none. -#}
{% macro _reason_count(call, predictions, columns) %}
    {% set numbers = [] %}
    {% for column in columns %}
        {% set contribution = scorehouse._contribution(column) %}
        {% if contribution is not none and contribution[1] == '' %}
            {% do numbers.append(contribution[0]) %}
        {% endif %}
    {% endfor %}
    {% do scorehouse._check_rules(call, [
        ('predictions', predictions, not numbers,
            'a prediction table with reasons; its columns are ' ~ columns | join(', '),
            'score with `reasons`: as many as there are features, perhaps for a sample of the rows'),
    ]) %}
    {{ return(numbers | length) }}
{% endmacro %}
