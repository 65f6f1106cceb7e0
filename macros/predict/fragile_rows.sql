{# The rows whose label changes if one feature is moved: a select with a row per key, feature and direction. Another
   engine or library may compute a feature otherwise in its last places, and rounds it otherwise. #}
{% macro fragile_rows(name, relation, key, alias='champion', version=none, features=none, ulps=1, steps={}) %}
    {% set call = "scorehouse.fragile_rows('" ~ name ~ "')" %}
    {% set keys = scorehouse._column_list('fragile_rows', 'key', key, 'customer_id') %}
    {% do scorehouse._check_predict(name, relation, version, keys, macro_called='fragile_rows') %}
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
    {% set moved_row, moved_feature, moved_by = 'scorehouse_row', 'scorehouse_feature', 'scorehouse_by' %}
    {% set kept = [moved_row, moved_feature, moved_by] + scorehouse._each('scorehouse_key_<number>', keys) %}
    {% set scored = scorehouse.predict(name, relation='moved_rows', version=number, keep=kept) %}
    {% set task = scorehouse._registry_row(name, registry, number).get('task') %}
    {% do scorehouse._check_rules('fragile_rows', [
        ('name', name, task not in ['classification', 'clustering'],
            'a classification or clustering with one label per row; it is a ' ~ task, 'name another ML model'),
    ]) %}
    {% set moved = scorehouse._moved_features(call, name, signature, number, features, ulps, steps) %}
    {#- A CTE has no columns to look up, nor has a subquery of one, as a test with `where` gives it. -#}
    {% set is_cte = relation.is_cte if relation is not string
        else not relation.startswith('(') or '__dbt__cte__' in relation %}
    {% set known = [] if is_cte else get_columns_in_query('select * from ' ~ relation) %}
    {% set all_names = context['scorehouse_predict__' ~ name ~ '__v' ~ number ~ '__features']() %}
    {% set columns = scorehouse._feature_columns(known, all_names, call, 'the relation ' ~ relation) %}
    {% set row_key, moves = scorehouse._identifiers(keys), [["''", '0']] %}
    {% set moved_row, moved_feature, moved_by = scorehouse._quoted(kept[:3]) %}
    {% for feature in moved %}
        {% do moves.extend([[scorehouse._text_literal(feature), '-1'], [scorehouse._text_literal(feature), '1']]) %}
    {% endfor %}
with given_rows as (

    select
        {%- for column in row_key %}
        {{ column }} as {{ scorehouse._quote(kept[3 + loop.index0]) }},
        {%- endfor %}
        {%- for feature in all_names %}
        {{ columns[loop.index0] }} as {{ scorehouse._quote(feature) }},
        {%- endfor %}
        {#- a key that is there twice stays two rows #}
        row_number() over (order by {{ row_key | join(', ') }}) as {{ moved_row }}
    from {{ scorehouse._named(relation, 'given') }}

),

moves as (

    {{ scorehouse._given_rows([moved_feature, moved_by], moves) }}

),

moved_rows as (

    select
        {%- for column in scorehouse._quoted(kept[3:]) + [moved_row] %}
        given_rows.{{ column }},
        {%- endfor %}
        {%- for feature in all_names %}
        {%- set column = scorehouse._quote(feature) %}
        {%- set value = 'given_rows.' ~ column %}
        {%- if feature in moved %}
        {{ value }} + case
            when moves.{{ moved_feature }} = {{ scorehouse._text_literal(feature) }}
                then moves.{{ moved_by }} * {{ moved[feature] | replace('<value>', value) }}
            else {{ scorehouse._exact_double('0') }}
        end as {{ column }},
        {%- else %}
        {{ value }},
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
            partition by {{ moved_row }}
            order by abs({{ moved_by }}), {{ moved_feature }}
            rows between unbounded preceding and unbounded following
        ) as usual_label
    from {{ scored }} as scored_rows

)

select
    {%- for column in row_key %}
    {{ scorehouse._quote(kept[3 + loop.index0]) }} as {{ column }},
    {%- endfor %}
    {{ moved_feature }} as feature,
    case when {{ moved_by }} < 0 then 'down' else 'up' end as direction,
    usual_label as label,
    prediction as moved_label
from moved_labels
where row_status = 'scored' and prediction <> usual_label
{% endmacro %}
