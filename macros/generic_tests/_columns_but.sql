{#- The columns of a table or subquery but those in `except`, as the warehouse spells them; none while dbt parses. -#}
{% macro _columns_but(call, relation, except) %}
    {% set found = scorehouse._queried_columns(relation) %}
    {% if found is none %}
        {{ return([]) }}
    {% endif %}
    {% set left_out = [] %}
    {% for name in except %}
        {% do left_out.append(scorehouse._bare_name(name) | lower) %}
    {% endfor %}
    {% set kept = [] %}
    {% for column in found if (column | lower) not in left_out %}
        {% do kept.append(scorehouse._quote(column)) %}
    {% endfor %}
    {% set spelled = found | map('lower') | list %}
    {% for name in left_out if name not in spelled %}
        {% do scorehouse._argument_error(
            call, 'except', except, 'columns of the table, which has ' ~ found | join(', '), 'correct ' ~ name
        ) %}
    {% endfor %}
    {{ return(kept) }}
{% endmacro %}
