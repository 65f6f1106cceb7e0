{#- The column from the feature table if it has the column, else from the other one. -#}
{% macro _profile_column(name, features, other='predictions') %}
    {% set present = adapter.get_columns_in_relation(features) if features is not none else [] %}
    {% set is_feature = name | lower in present | map(attribute='name') | map('lower') %}
    {{ return(('features' if is_feature else other) ~ '.' ~ scorehouse._identifier(name)) }}
{% endmacro %}


{#- SQL of what a segment is named after: the values of its columns, of which NULL is one. -#}
{% macro _segment_expression(segmentation, features, other='predictions') %}
    {% set parts = [] %}
    {% for name in segmentation %}
        {% set column = scorehouse._profile_column(name, features, other) %}
        {% do parts.append('coalesce(cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ "), '(null)')") %}
    {% endfor %}
    {{ return(parts | join(" || '+' || ")) }}
{% endmacro %}
