{#- The columns `score_<class>` of a table or subquery, quoted and spelled as in the warehouse. -#}
{% macro _class_score_columns(call, relation) %}
    {#- While dbt parses, there is no connection; when it only compiles, there may be no table yet. -#}
    {% if not execute or (relation is mapping and load_relation(relation) is none) %}
        {{ return(['0e0']) }}
    {% endif %}

    {#- Not `adapter.get_columns_in_relation`: under a test's `where`, the relation is a subquery. -#}
    {% set found = get_columns_in_query('select * from ' ~ relation) %}
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
