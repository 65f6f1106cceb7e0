{# The rows whose label changes if one feature is moved: a select with a row per row, feature and direction. Another
   engine or library may compute a feature otherwise in its last places, and rounds it otherwise. #}
{% macro fragile_rows(name, relation, key, alias='champion', version=none, features=none, ulps=1, steps={}) %}
    {% set call = "scorehouse.fragile_rows('" ~ name ~ "')" %}
    {% set keys = scorehouse._column_list('fragile_rows', 'key', key, 'customer_id') %}
    {% do scorehouse._check_predict(name, relation, version, keys) %}
    {% do scorehouse._check_number('fragile_rows', 'ulps', ulps, 'write 1, or a few for a sum of many', lowest=1) %}
    {% set registry, signature = ref('ml_' ~ name), ref('ml_' ~ name ~ '__signature') %}
    {% set nothing = 'select 1 as feature' %}
    {% if not execute %}
        {{ return(nothing) }}
    {% endif %}
    {% set number = scorehouse._named_version(call, name, registry, alias, version) %}
    {% if number is none or not scorehouse._registry_is_loaded(call, name, registry) %}
        {{ return(nothing) }}
    {% endif %}
    {% set kept = ['moved_row', 'moved_feature', 'moved_by'] %}
    {% for key in keys %}
        {% do kept.append('row_key_' ~ loop.index) %}
    {% endfor %}
    {% set row_key = scorehouse._identifiers(keys) | join(', ') %}
    {% set scored = scorehouse.predict(name, relation='moved_rows', version=number, keep=kept) %}
    {% set task = scorehouse._registry_row(name, registry, number).get('task') %}
    {% if task not in ['classification', 'clustering'] %}
        {% do scorehouse._argument_error(
            'fragile_rows', 'name', name, 'a classification or clustering with one label per row; it is a ' ~ task,
            'name another ML model'
        ) %}
    {% endif %}
    {% set moved = scorehouse._moved_features(call, name, signature, number, features, ulps, steps) %}
    {#- A CTE has no columns to look up; a test with `where` gives a subquery. -#}
    {% set is_cte = relation.is_cte if relation is not string else not relation.startswith('(') %}
    {% set known = [] if is_cte else get_columns_in_query('select * from ' ~ relation) %}
    {% set all_names = context['scorehouse_predict__' ~ name ~ '__v' ~ number ~ '__features']() %}
    {% set columns = scorehouse._feature_columns(known, all_names, call, 'the relation ' ~ relation) %}
    {% set moved_feature, moved_by = scorehouse._quote('moved_feature'), scorehouse._quote('moved_by') %}
    {% set moved_row, moves = scorehouse._quote('moved_row'), [["''", '0']] %}
    {% for feature in moved %}
        {% do moves.extend([[scorehouse._text_literal(feature), '-1'], [scorehouse._text_literal(feature), '1']]) %}
    {% endfor %}
with given_rows as (

    select
        given.*,
        {#- a key that is there twice stays two rows #}
        row_number() over (partition by {{ row_key }} order by {{ row_key }}) as {{ moved_row }}
    from {{ scorehouse._named(relation, 'given') }}

),

moves as (

    {{ scorehouse._given_rows([moved_feature, moved_by], moves) }}

),

moved_rows as (

    select
        given_rows.{{ moved_row }},
        {%- for column in keys %}
        given_rows.{{ scorehouse._identifier(column) }} as {{ scorehouse._quote('row_key_' ~ loop.index) }},
        {%- endfor %}
        {%- for feature in all_names %}
        {%- set value = 'given_rows.' ~ columns[loop.index0] %}
        {%- if feature in moved %}
        {{ value }} + case
            when moves.{{ moved_feature }} = {{ scorehouse._text_literal(feature) }}
                then moves.{{ moved_by }} * {{ moved[feature] | replace('<value>', value) }}
            else {{ scorehouse._exact_double('0') }}
        end as {{ scorehouse._quote(feature) }},
        {%- else %}
        {{ value }} as {{ scorehouse._quote(feature) }},
        {%- endif %}
        {%- endfor %}
        moves.{{ moved_feature }},
        moves.{{ moved_by }}
    from given_rows
    cross join moves

),

moved_labels as (

    select
        scored_rows.*,
        first_value(prediction) over (
            partition by {{ scorehouse._quoted(kept[3:]) | join(', ') }}, {{ moved_row }}
            order by abs({{ moved_by }}), {{ moved_feature }}
        ) as usual_label
    from {{ scored }} as scored_rows

)

select
    {%- for column in keys %}
    {{ scorehouse._quote('row_key_' ~ loop.index) }} as {{ scorehouse._identifier(column) }},
    {%- endfor %}
    {{ moved_feature }} as feature,
    case when {{ moved_by }} < 0 then 'down' else 'up' end as direction,
    usual_label as label,
    prediction as moved_label
from moved_labels
where row_status = 'scored' and prediction <> usual_label
{% endmacro %}
