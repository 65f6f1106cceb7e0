{#- The select of a drift table of pairs of features: whether their correlation is what it was in training, by window.
    It sees what no feature shows by itself. -#}
{% macro joint_drift(
    predictions, reference, features=none, key=none, day=none, period='month', thresholds={}, min_effect=0.1
) %}
    {% set call = 'joint_drift' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'reference', reference, 'ml_churn__reference') %}
    {% do scorehouse._check_relation(call, 'features', features, 'customer_features', optional=true) %}
    {% set key = scorehouse._column_list(call, 'key', key, 'customer_id') if features is not none else key %}
    {% do scorehouse._check_period(call, period) %}
    {% set limits = scorehouse._options(call, 'thresholds', thresholds, {'joint_shift': 0.2, 'p_value': 0.01}) %}
    {% for value in limits.values() %}
        {% do scorehouse._check_number(
            call, 'thresholds', value, 'write `thresholds: {joint_shift: 0.2}`', lowest=0, highest=2
        ) %}
    {% endfor %}
    {% do scorehouse._check_number(call, 'min_effect', min_effect, 'write `min_effect: 0.1`', lowest=0, highest=2) %}

    {% if not scorehouse._is_loaded(call, 'reference', reference) %}
        {{ return('select 1 as never_built') }}
    {% endif %}
    {% do scorehouse._check_reference(call, reference, predictions) %}
    {% set pairs = scorehouse._reference_pairs(call, reference) %}
    {% set spec = {
        'key': key, 'day': scorehouse._identifier(day or 'scored_at'), 'period': period, 'limits': limits,
        'min_effect': min_effect
    } %}

{% set double = scorehouse._type_double() %}
with {{ scorehouse._joint_sums(predictions, features, pairs, spec) }},

{{ scorehouse._joint_verdicts(reference, spec) }},

final as (

    select
        {{ scorehouse._shared_columns('n_reference', 'n') }},
        p_value,
        cast(null as {{ double }}) as floor_value,
        cast(null as {{ double }}) as importance,
        cast(row_number() over (
            partition by ml_model, version, window_start order by coalesce(value, -1e0) desc, feature
        ) as {{ dbt.type_int() }}) as place,
        q_value,
        standard_error,
        correlation,
        reference_correlation,
        reason,
        {{ scorehouse._zone_of(spec.day, [predictions]) }} as time_zone
    from judged

)

select * from final
{% endmacro %}
