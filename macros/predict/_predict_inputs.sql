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
