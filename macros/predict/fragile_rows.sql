{# The rows whose label changes if one feature is moved: a select with a row per key, feature and direction. Another
   engine or library may compute a feature otherwise in its last places, and rounds it otherwise. #}
{% macro fragile_rows(name, relation, key, alias='champion', version=none, features=none, ulps=1, steps={}) %}
    {% set call = "scorehouse.fragile_rows('" ~ name ~ "')" %}
    {% set keys = scorehouse._column_list('fragile_rows', 'key', key, 'customer_id') %}
    {% do scorehouse._check_number('fragile_rows', 'ulps', ulps, 'write 1, or a few for a sum of many', lowest=1) %}
    {% set registry, signature = ref('ml_' ~ name), ref('ml_' ~ name ~ '__signature') %}
    {% if not execute %}
        {{ return('select 1 as feature') }}
    {% endif %}
    {% set number = scorehouse._named_version(call, name, registry, alias, version) %}
    {% set scored = scorehouse.predict(
        name, relation='moved_rows', version=number, keep=keys + ['moved_feature', 'moved_by']
    ) %}
    {% set task = scorehouse._registry_row(name, registry, number).get('task') %}
    {% if task not in ['classification', 'clustering'] %}
        {% do scorehouse._argument_error(
            'fragile_rows', 'name', name, 'a classification or clustering with one label per row; it is a ' ~ task,
            'name another ML model; of numbers, every step changes the prediction'
        ) %}
    {% endif %}
    {% set moved = scorehouse._moved_features(call, name, signature, number, features, ulps, steps) %}
    {% set known = [] if relation is string else get_columns_in_query('select * from ' ~ relation) %}
    {% set all_names = context['scorehouse_predict__' ~ name ~ '__v' ~ number ~ '__features']() %}
    {% set columns = scorehouse._feature_columns(known, all_names, call, 'the relation ' ~ relation) %}
    {% set columns = dict(zip(all_names, columns)) %}
    {% set kept = keys | map('trim') | list %}
    {% set moves = [["''", '0']] %}
    {% for feature in moved %}
        {% do moves.extend([[scorehouse._text_literal(feature), '-1'], [scorehouse._text_literal(feature), '1']]) %}
    {% endfor %}
with given_rows as (

    select * from {{ relation }}

),

moves as (

    {{ scorehouse._given_rows(['moved_feature', 'moved_by'], moves) }}

),

moved_rows as (

    select
        {%- for column in kept if column | lower not in all_names | map('lower') %}
        given_rows.{{ scorehouse._identifier(column) }},
        {%- endfor %}
        {%- for feature in all_names %}
        {%- if feature in moved %}
        {%- set value = 'cast(given_rows.' ~ columns[feature] ~ ' as ' ~ scorehouse._type_double() ~ ')' %}
        {{ value }} + case
            when moves.moved_feature = {{ scorehouse._text_literal(feature) }}
                then moves.moved_by * {{ moved[feature] | replace('<value>', value) }}
            else 0e0
        end as {{ columns[feature] }},
        {%- else %}
        given_rows.{{ columns[feature] }},
        {%- endif %}
        {%- endfor %}
        moves.moved_feature,
        moves.moved_by
    from given_rows
    cross join moves

),

moved_labels as (

    select * from {{ scored }} as scored_rows
    where row_status = 'scored'

)

select
    {%- for column in kept %}
    usual.{{ scorehouse._identifier(column) }},
    {%- endfor %}
    changed.moved_feature as feature,
    case when changed.moved_by < 0 then 'down' else 'up' end as direction,
    usual.prediction as label,
    changed.prediction as moved_label
from moved_labels as usual
inner join moved_labels as changed
    on changed.moved_by <> 0
    {%- for column in kept %}
    and changed.{{ scorehouse._identifier(column) }} = usual.{{ scorehouse._identifier(column) }}
    {%- endfor %}
where usual.moved_by = 0
    and usual.prediction <> changed.prediction
{% endmacro %}
