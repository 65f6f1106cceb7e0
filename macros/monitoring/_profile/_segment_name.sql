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
