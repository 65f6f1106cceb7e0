{#- The select of a calibration of intervals (split conformal prediction): per version and level, how far labels
    lay from their predictions. With `group` there is a row per group as well, which serves its own rows where
    it has labels enough. -#}
{% macro interval_calibration(
    predictions, labels, key, label, levels=[0.9], group=none, day=none, date_from=none, date_to=none, options={}
) %}
    {% set call = 'interval_calibration' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'demand_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'demand_labels') %}
    {% set known = {'prediction': 'prediction', 'lower': none, 'upper': none, 'label_time': none} %}
    {% set given = scorehouse._options(call, 'options', options, known) %}
    {% set levels = scorehouse._check_levels(call, levels) %}
    {% do scorehouse._check_both_sides(call, options) %}
    {% set spec = scorehouse._performance_spec(
        call=call, task='regression', key=key, label=label, day=day, maturity={'label_time': given.pop('label_time')},
        options=given
    ) %}
    {% do spec.update({'levels': levels, 'group': scorehouse._identifier(group) if group else none}) %}

{% set double = scorehouse._type_double() %}
{% set columns = [
    'cast(scorehouse_label as ' ~ double ~ ') as y',
    'cast(' ~ (spec.lower or spec.prediction) ~ ' as ' ~ double ~ ') as low',
    'cast(' ~ (spec.upper or spec.prediction) ~ ' as ' ~ double ~ ') as high',
] %}
with {{ scorehouse._calibration_rows(predictions, labels, spec, columns, date_from, date_to) }},

{#- A label inside quantile forecasts has a negative distance: intervals that are too wide become narrower. -#}
distances as (

    select
        ml_model,
        version,
        {{ 'interval_group,' if spec.group }}
        case when low - y > y - high then low - y else y - high end as distance
    from labelled
    where {{ scorehouse._is_finite('y') }}
        and {{ scorehouse._is_finite('low') }}
        and {{ scorehouse._is_finite('high') }}

),

{{ scorehouse._calibrated_quantiles(spec) }}

select * from final
{% endmacro %}
