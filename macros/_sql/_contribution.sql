{#- Of a column `reason_<number>_contribution`, the number and what stands behind, such as `__week_1`; none for other
    columns. -#}
{% macro _contribution(column) %}
    {% set words = (column | lower).split('__')[0].split('_') %}
    {% if words | length == 3 and words[0] == 'reason' and words[2] == 'contribution' %}
        {{ return([words[1] | int, (column | lower).split('_contribution', 1)[1]]) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}
