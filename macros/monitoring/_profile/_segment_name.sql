{#- `all`, or a name such as `region=north`; for use in a query with grouping sets. -#}
{% macro _segment_name(segmentations) %}
    {% if not segmentations %}
        {{ return("'all'") }}
    {% endif %}
    {% set whens = [] %}
    {% for segmentation in segmentations %}
        {% set prefix = scorehouse._text_literal(segmentation | join('+') ~ '=') %}
        {% do whens.append('when grouping(s' ~ loop.index0 ~ ') = 0 then ' ~ prefix ~ ' || s' ~ loop.index0) %}
    {% endfor %}
    {{ return('case ' ~ whens | join(' ') ~ " else 'all' end") }}
{% endmacro %}


{#- Groups by each of these lists of columns, for all rows and for each segmentation. -#}
{% macro _by_segment(keys, segmentations) %}
    {% set sets = [] %}
    {% for columns in keys %}
        {% do sets.append('(' ~ columns ~ ')') %}
        {% for _ in segmentations %}
            {% do sets.append('(' ~ columns ~ ', s' ~ loop.index0 ~ ')') %}
        {% endfor %}
    {% endfor %}
    {{ return('group by grouping sets (' ~ sets | join(', ') ~ ')') }}
{% endmacro %}
