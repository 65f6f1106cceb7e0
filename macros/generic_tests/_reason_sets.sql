{#- The reasons of a table or subquery: one set, or one for each of several outputs, whose columns end alike. A set has
    the `ending` of its columns; `parts`, the columns of its contributions, quoted and spelled as in the warehouse; and
    `status`, the column that says whether its row was scored. -#}
{% macro _reason_sets(call, relation) %}
    {% set found = scorehouse._queried_columns(relation) %}
    {% if found is none %}
        {{ return([{'ending': '', 'parts': ['0e0'], 'status': 'row_status'}]) }}
    {% endif %}
    {% set columns, endings = [], [] %}
    {% for column in found %}
        {% set contribution = scorehouse._contribution(column) %}
        {% if contribution is not none %}
            {% set ending = contribution[1] %}
            {% do columns.append({'ending': ending, 'quoted': scorehouse._quote(column)}) %}
            {% if ending not in endings %}
                {% do endings.append(ending) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% if not columns %}
        {% do scorehouse._argument_error(
            call, 'model', relation,
            'a prediction table with reasons; its columns are ' ~ found | join(', '),
            'score with `reasons`, or put the test on a table that has them'
        ) %}
    {% endif %}
    {% set sets = [] %}
    {% for ending in endings %}
        {% set parts = columns | selectattr('ending', 'equalto', ending) | map(attribute='quoted') | list %}
        {#- in a wide table, a challenger's columns end in its alias -#}
        {% set of_challenger = 'row_status__' ~ ending.split('__') | last %}
        {% set status = of_challenger if of_challenger in found | map('lower') | list else 'row_status' %}
        {% do sets.append({'ending': ending, 'parts': parts, 'status': status}) %}
    {% endfor %}
    {{ return(sets) }}
{% endmacro %}
