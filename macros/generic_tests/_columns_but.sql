{#- The columns of a table or subquery but those in `except`, as the warehouse spells them; none while dbt parses. -#}
{% macro _columns_but(call, relation, except) %}
    {% set found = scorehouse._existing_columns(relation) %}
    {% if not found %}
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


{#- The columns `score_<class>` of a table or subquery, quoted and spelled as in the warehouse. -#}
{% macro _class_score_columns(call, relation) %}
    {% set found = scorehouse._existing_columns(relation) %}
    {% if not found %}
        {{ return(['0e0']) }}
    {% endif %}
    {% set scores = [] %}
    {% for column in found if (column | lower).startswith('score_') %}
        {% do scores.append(scorehouse._quote(column)) %}
    {% endfor %}
    {% do scorehouse._check_rules(call, [
        ('columns', none, not scores, 'columns that begin with `score_`; there are only ' ~ found | join(', '),
            'list the scores of the classes: `columns: [...]`, or test a table of class scores'),
    ]) %}
    {{ return(scores) }}
{% endmacro %}


{#- The reasons of a table or subquery: one set, or one for each of several outputs, whose columns end alike. A set has
    the `ending` of its columns; `parts`, the columns of its contributions, quoted and spelled as in the warehouse; and
    `status`, the column that says whether its row was scored. -#}
{% macro _reason_sets(call, relation) %}
    {% set found = scorehouse._existing_columns(relation) %}
    {% if not found %}
        {{ return([{'ending': '', 'parts': ['0e0'], 'status': 'row_status'}]) }}
    {% endif %}
    {% set sets, action = [], 'score with `reasons`, or put the test on a table that has them' %}
    {% for ending, parts in scorehouse._contributions(call, 'model', relation, found, action).items() %}
        {#- in a wide table, a challenger's columns end in its alias -#}
        {% set of_challenger = 'row_status__' ~ ending.split('__') | last %}
        {% set status = of_challenger if of_challenger in found | map('lower') | list else 'row_status' %}
        {% do sets.append({'ending': ending, 'parts': parts, 'status': status}) %}
    {% endfor %}
    {{ return(sets) }}
{% endmacro %}


{#- Whether a row of a registry, `ml_<name>`, holds an alias. -#}
{% macro _holds_alias(alias) -%}
{{ dbt.position(scorehouse._text_literal('|' ~ alias ~ '|'), dbt.concat(["'|'", 'aliases', "'|'"])) }} > 0
{%- endmacro %}
