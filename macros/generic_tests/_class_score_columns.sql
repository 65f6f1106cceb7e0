{#- The columns `score_<class>` of a table or subquery, quoted and spelled as in the warehouse. -#}
{% macro _class_score_columns(call, relation) %}
    {% set found = scorehouse._queried_columns(relation) %}
    {% if found is none %}
        {{ return(['0e0']) }}
    {% endif %}
    {% set scores = [] %}
    {% for column in found if (column | lower).startswith('score_') %}
        {% do scores.append(scorehouse._quote(column)) %}
    {% endfor %}
    {% if not scores %}
        {% do scorehouse._argument_error(
            call, 'columns', none,
            'columns that begin with `score_`; there are only ' ~ found | join(', '),
            'list the scores of the classes: `columns: [...]`, or test a table of class scores'
        ) %}
    {% endif %}
    {{ return(scores) }}
{% endmacro %}
