{#- Whether rows of two CTEs are of the same feature in the same window and segment. -#}
{% macro _same_feature(a, b) %}
    {% set parts = [] %}
    {% for name in ['window_id', 'ml_model', 'version', 'segment', 'part', 'feature'] %}
        {% do parts.append(a ~ '.' ~ name ~ ' = ' ~ b ~ '.' ~ name) %}
    {% endfor %}
    {{ return(parts | join(' and ')) }}
{% endmacro %}
