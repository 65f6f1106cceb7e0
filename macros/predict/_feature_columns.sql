{# The column that holds each feature, quoted; `known` is empty if the columns cannot be looked up. `call` is what the
   user wrote, and `place` what lacks a column. #}
{% macro _feature_columns(known, features, call, place) %}
    {% set columns, missing = [], [] %}
    {% for feature in features %}
        {% set found = scorehouse._same_but_for_case(known, feature) %}
        {% do columns.append(scorehouse._quote(found[0] if found else feature)) %}
        {% if known and not found %}
            {% do missing.append(feature) %}
        {% endif %}
    {% endfor %}
    {% do scorehouse._check_facts(call, [
        (missing, place ~ ' lacks ' ~ missing | join(', '), 'a column for each feature of the ML model',
            'add or rename these columns in the feature model'),
    ]) %}
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


{#- The columns to keep, as SQL that ends with a comma, and the column that holds each feature: the one with
    the same name, or else the one whose name differs only in case. -#}
{% macro _predict_inputs(call, relation, features, keep, with_reasons) %}
    {% set known = [] if relation is string or relation.is_cte else get_columns_in_query('select * from ' ~ relation) %}
    {% set columns = scorehouse._feature_columns(known, features, call, 'the relation ' ~ relation) %}
    {% set kept = [] %}
    {% set asked = scorehouse._column_list('predict', 'keep', keep, 'customer_id') if keep else [] %}
    {% for name in (known if keep is none else asked) %}
        {% do scorehouse._check_kept(name, with_reasons) %}
        {% do kept.append(scorehouse._quote((scorehouse._same_but_for_case(known, name) or [name])[0])) %}
    {% endfor %}
    {{ return({'columns': columns, 'keep': kept | join(', ') ~ (', ' if kept)}) }}
{% endmacro %}


{#- Refuses to keep a column that has the name of an output. -#}
{% macro _check_kept(name, with_reasons, macro_called='predict', argument='keep', others=[]) %}
    {% set plain = name | lower %}
    {% set is_output = plain in ['prediction', 'score', 'distance', 'row_status', 'reject_reason'] + others %}
    {% do scorehouse._check_rules(macro_called, [
        (argument, name, is_output or plain.startswith('sh_') or (with_reasons and plain.startswith('reason_')),
            'columns whose names are not used for the outputs, nor begin with sh_' ~ (' or reason_' if with_reasons),
            'rename the column in the feature model, or list the other columns: `' ~ argument ~ '=[...]`'),
    ]) %}
{% endmacro %}
