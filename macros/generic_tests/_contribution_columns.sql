{#- The columns `reason_<number>_contribution` of a table or subquery, quoted and spelled as in the warehouse. -#}
{% macro _contribution_columns(call, relation) %}
    {% set found = scorehouse._queried_columns(relation) %}
    {% if found is none %}
        {{ return(['0e0']) }}
    {% endif %}
    {% set contributions = [] %}
    {% for column in found %}
        {% set parts = (column | lower).split('_') %}
        {% if parts | length == 3 and parts[0] == 'reason' and parts[2] == 'contribution' %}
            {% do contributions.append(scorehouse._quote(column)) %}
        {% endif %}
    {% endfor %}
    {% if not contributions %}
        {% do scorehouse._argument_error(
            call, 'model', relation,
            'a prediction table with reasons; its columns are ' ~ found | join(', '),
            'score with `reasons`, or put the test on a table that has them'
        ) %}
    {% endif %}
    {{ return(contributions) }}
{% endmacro %}
