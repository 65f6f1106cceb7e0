{#- How far the label of a row was from being expected, as text in `label_text`. A label that is no class is beyond the
    reach of every set. -#}
{% macro _set_distance(scores, spec) %}
    {% set whens = [] %}
    {% for label in spec.set_classes %}
        {% do whens.append(
            'when ' ~ scorehouse._text_literal(label) ~ ' then '
            ~ scorehouse._class_distance(scores, loop.index0, spec.method)
        ) %}
    {% endfor %}
    {{ return('case label_text ' ~ whens | join(' ') ~ ' else ' ~ scorehouse._beyond_reach() ~ ' end') }}
{% endmacro %}


{#- The distance of one class, which is in the set if no margin is smaller: 1 minus its score (LAC), or the sum of the
    scores of all likelier classes (APS without randomisation: the likeliest class has 0, so no set is empty). The
    order of the sum is that of the classes, so that equal rows have equal sums. -#}
{% macro _class_distance(scores, place, method) %}
    {% if method == 'lac' %}
        {{ return('1e0 - ' ~ scores[place]) }}
    {% endif %}
    {% set terms = [] %}
    {% for score in scores %}
        {% if loop.index0 != place %}
            {% do terms.append('case when ' ~ score ~ ' > ' ~ scores[place] ~ ' then ' ~ score ~ ' else 0e0 end') %}
        {% endif %}
    {% endfor %}
    {{ return('(' ~ terms | join(' + ') ~ ')') }}
{% endmacro %}
