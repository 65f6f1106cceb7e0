{#- SQL of a segment's name. -#}
{% macro _segment_expression(segmentation, features, predictions) %}
    {% set parts = [] %}
    {% for name in segmentation %}
        {% set column = scorehouse._profile_column(name, features, predictions) %}
        {% do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '(null)')") %}
        {% do parts.append("'+'") if not loop.last %}
    {% endfor %}
    {{ return(parts | join(' || ')) }}
{% endmacro %}
