{% test one_prediction_per_row(model, features, key, allow_orphans=false) %}
    {% set call = 'one_prediction_per_row' %}
    {% do scorehouse._check_relation(call, 'features', features, 'customer_features') %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% do scorehouse._check_bool(call, 'allow_orphans', allow_orphans) %}

{#- Counting both tables in one `group by` lets NULL keys match NULL keys. -#}
{% set key_list = scorehouse._identifiers(keys) | join(', ') %}

with feature_keys as (

    select {{ key_list }}, 1 as is_feature, 0 as is_prediction
    from {{ features }}

),

prediction_keys as (

    select {{ key_list }}, 0 as is_feature, 1 as is_prediction
    from {{ model }}

),

all_keys as (

    select * from feature_keys
    union all
    select * from prediction_keys

),

counted as (

    select
        {{ key_list }},
        sum(is_feature) as n_features,
        sum(is_prediction) as n_predictions
    from all_keys
    group by {{ key_list }}

),

judged as (

    select
        *,
        case
            {%- if not allow_orphans %}
            when n_features = 0 then 'orphan'
            {%- endif %}
            when n_predictions < n_features then 'missing'
            when n_predictions > 1 then 'duplicated'
        end as problem
    from counted

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
