{% test one_prediction_per_row(model, features, key, allow_orphans=false) %}
    {% set call = 'one_prediction_per_row' %}
    {% do scorehouse._check_relation(call, 'features', features, 'customer_features') %}
    {% set key_list = scorehouse._identifiers(scorehouse._column_list(call, 'key', key, 'customer_id')) | join(', ') %}
    {% do scorehouse._check_bool(call, 'allow_orphans', allow_orphans) %}

{#- Counting both tables in one `group by` lets NULL keys match NULL keys. -#}

with all_keys as (

    select {{ key_list }}, 1 as is_feature, 0 as is_prediction
    from {{ features }}

    union all

    select {{ key_list }}, 0, 1
    from {{ model }}

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
            when n_predictions < n_features {{ scorehouse._more_than_barred(model) }} then 'missing'
            when n_predictions > 1 then 'duplicated'
        end as problem
    from counted

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
