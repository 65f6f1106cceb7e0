{#- The columns to keep, as SQL that ends with a comma, and the column that holds each feature: of the
    same name, else the same but for case. -#}
{% macro _predict_inputs(relation, features, keep) %}
    {% set known = [] if relation is string or relation.is_cte else get_columns_in_query('select * from ' ~ relation) %}
    {% set columns = scorehouse._feature_columns(known, features, relation) %}
    {% set kept = [] %}
    {% set asked = scorehouse._column_list('predict', 'keep', keep, 'customer_id') if keep else [] %}
    {% for name in (known if keep is none else asked) %}
        {% do scorehouse._check_kept(name) %}
        {% do kept.append(scorehouse._quote((scorehouse._same_but_for_case(known, name) or [name])[0])) %}
    {% endfor %}
    {{ return({'columns': columns, 'keep': kept | join(', ') ~ (', ' if kept)}) }}
{% endmacro %}


{# The column that holds each feature, quoted; `known` is empty where it cannot be looked up. #}
{% macro _feature_columns(known, features, relation) %}
    {% set columns, missing = [], [] %}
    {% for feature in features %}
        {% set found = known | select('equalto', feature) | list or scorehouse._same_but_for_case(known, feature) %}
        {% do columns.append(scorehouse._quote(found[0] if found else feature)) %}
        {% if known and not found %}
            {% do missing.append(feature) %}
        {% endif %}
    {% endfor %}
    {% if missing %}
        {% do scorehouse._argument_error(
            'predict', 'relation', relation,
            'the features of the ML model; it lacks ' ~ missing | join(', '),
            'add or rename these columns in the feature model'
        ) %}
    {% endif %}
    {{ return(columns) }}
{% endmacro %}


{% macro _same_but_for_case(names, wanted) %}
    {% set same = [] %}
    {% for name in names if name | lower == wanted | lower %}
        {% do same.append(name) %}
    {% endfor %}
    {{ return([wanted] if wanted in names else same) }}
{% endmacro %}


{% macro _check_kept(name) %}
    {% set plain = name | lower %}
    {% if plain in ['prediction', 'score', 'distance', 'row_status', 'reject_reason'] or plain.startswith('sh_') %}
        {% do scorehouse._argument_error(
            'predict', 'keep', name,
            'columns whose names are not used for the outputs, nor begin with sh_',
            'rename the column in the feature model, or list the other columns: `keep=[...]`'
        ) %}
    {% endif %}
{% endmacro %}
