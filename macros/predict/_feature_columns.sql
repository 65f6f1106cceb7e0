{# The column that holds each feature, quoted; `known` is empty if the columns cannot be looked up. `call` is what the
   user wrote, and `place` what lacks a column. #}
{% macro _feature_columns(known, features, call, place) %}
    {% set columns, missing = [], [] %}
    {% for feature in features %}
        {% set found = known | select('equalto', feature) | list or scorehouse._same_but_for_case(known, feature) %}
        {% do columns.append(scorehouse._quote(found[0] if found else feature)) %}
        {% if known and not found %}
            {% do missing.append(feature) %}
        {% endif %}
    {% endfor %}
    {% if missing %}
        {% do scorehouse._fail(
            call, place ~ ' lacks ' ~ missing | join(', '), 'a column for each feature of the ML model',
            'add or rename these columns in the feature model'
        ) %}
    {% endif %}
    {{ return(columns) }}
{% endmacro %}


{#- The names that differ from a given name only in case. -#}
{% macro _same_but_for_case(names, wanted) %}
    {% set same = [] %}
    {% for name in names if name | lower == wanted | lower %}
        {% do same.append(name) %}
    {% endfor %}
    {{ return([wanted] if wanted in names else same) }}
{% endmacro %}
