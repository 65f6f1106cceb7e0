{#- The column from the feature table if it has the column, else from the predictions. -#}
{% macro _profile_column(name, features, predictions) %}
    {% if features is not none %}
        {% set present = adapter.get_columns_in_relation(features) | map(attribute='name') | map('lower') | list %}
        {{ return(('features.' if name | lower in present else 'predictions.') ~ scorehouse._identifier(name)) }}
    {% endif %}
    {{ return('predictions.' ~ scorehouse._identifier(name)) }}
{% endmacro %}
