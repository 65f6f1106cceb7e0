{% macro _same_cohort(a, b) %}
    {% set parts = [] %}
    {% for name in ['ml_model', 'version', 'segment', 'window_start'] %}
        {% do parts.append(a ~ '.' ~ name ~ ' = ' ~ b ~ '.' ~ name) %}
    {% endfor %}
    {{ return(parts | join(' and ')) }}
{% endmacro %}
