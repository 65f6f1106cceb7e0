{#- The columns `reason_<number>_contribution<ending>` of a table, quoted and spelled as in the warehouse, by what
    stands behind, such as `__week_1`. A table without any is refused, and with `is_plain` one whose columns all have
    an ending. -#}
{% macro _contributions(call, argument, relation, columns, action, is_plain=false) %}
    {% set by_ending = {} %}
    {% for column in columns %}
        {% set words = (column | lower).split('__')[0].split('_') %}
        {% if words | length == 3 and words[0] == 'reason' and words[2] == 'contribution' %}
            {% set ending = (column | lower).split('_contribution', 1)[1] %}
            {% do by_ending.setdefault(ending, []).append(scorehouse._quote(column)) %}
        {% endif %}
    {% endfor %}
    {% do scorehouse._check_rules(call, [
        (argument, relation, not by_ending or (is_plain and '' not in by_ending),
            'a prediction table with reasons; its columns are ' ~ columns | join(', '), action),
    ]) %}
    {{ return(by_ending) }}
{% endmacro %}
