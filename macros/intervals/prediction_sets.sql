{#- The select of predictions with sets of classes: each row of a prediction table once, with `prediction_set`,
    `set_size`, `interval_level` and `interval_basis`. -#}
{% macro prediction_sets(predictions, calibration, classes, level=0.9, group=none, options={}) %}
    {% set call = 'prediction_sets' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'churn_set_calibration') %}
    {% do scorehouse._check_level(call, 'level', level) %}
    {% do scorehouse._check_keys(call, 'options', options, ['method', 'positive', 'score', 'levels', 'day']) %}
    {% set spec = scorehouse._set_spec(call, classes, options) %}

    {% do scorehouse._check_calibration_table(call, calibration) %}
    {% set level_of_row = scorehouse._adaptive_level_of(call, options, level) %}

{% set scores, quantile = scorehouse._set_scores(predictions, spec), scorehouse._quantile(group) %}
{% set conditions = scorehouse._each('<value> <= ' ~ quantile, scorehouse._class_distances(scores, spec.method)) %}
with {{ scorehouse._quantiles_of(calibration, group, none if level_of_row else level, spec.method) }},

in_sets as (

    select
        live.*,
        {{ level_of_row or scorehouse._double_literal(level) }} as interval_level,
        {{- scorehouse._quantile_basis('live', group) }} as interval_basis,
        case when {{ quantile }} is not null and {{ scores | join(' + ') }} is not null
            then {{ scorehouse._set_text(spec.set_classes, conditions) }}
        end as prediction_set
    from {{ scorehouse._named(predictions, 'live') }}
    {{- scorehouse._adaptive_join('live', options) if level_of_row }}
    {{- scorehouse._quantile_joins('live', group, level_of_row) }}

),

final as (

    select
        *,
        cast({{ scorehouse._set_size('prediction_set') }} as {{ dbt.type_int() }}) as set_size
    from in_sets

)

select * from final
{% endmacro %}
