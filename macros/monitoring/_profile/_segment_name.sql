{#- `all`, or a name such as `region=north`; for use in a query with grouping sets. -#}
{% macro _segment_name(segmentations) %}
    {% if not segmentations %}
        {{ return("'all'") }}
    {% endif %}
    {% set prefixes = scorehouse._text_literals(scorehouse._each('<value>=', segmentations | map('join', '+'))) %}
    {% set whens = scorehouse._each('when grouping(s<place>) = 0 then <value> || s<place>', prefixes) %}
    {{ return('case ' ~ whens | join(' ') ~ " else 'all' end") }}
{% endmacro %}


{#- Groups by each of these lists of columns, for all rows and for each segmentation. -#}
{% macro _by_segment(keys, segmentations) %}
    {% set sets = [] %}
    {% for columns in keys %}
        {% do sets.extend(['(' ~ columns ~ ')'] + scorehouse._each('(' ~ columns ~ ', s<place>)', segmentations)) %}
    {% endfor %}
    {{ return('group by grouping sets (' ~ sets | join(', ') ~ ')') }}
{% endmacro %}
