{#- The select of a table of estimates before labels arrive: of a classification from its calibrated scores
    (CBPE), of a regression from the errors of earlier predictions of the same size. Neither sees that the same
    inputs have come to mean something else. -#}
{% macro estimated_performance(
    predictions, calibration=none, day=none, period='month', segments=[], options={}, task='classification'
) %}
    {% set call = 'estimated_performance' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_choice(
        call, 'task', task, ['classification', 'regression'], 'regression', 'classification or regression'
    ) %}
    {% set is_optional = task != 'regression' %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'churn_calibration', optional=is_optional) %}
    {% set spec = scorehouse._performance_spec(
        call=call, task=task, day=day, period=period, segments=segments, options=options, has_labels=false
    ) %}

with {{ scorehouse._labelled_rows(predictions, none, spec) }},

{% if spec.task == 'regression' -%}
    {{ scorehouse._estimated_errors(calibration) }}
{%- else -%}
    {{ scorehouse._estimated_classes(calibration, spec) }}
{%- endif %},

measured as (

    select
        cohorts.*,
        estimates.metric,
        estimates.value,
        estimates.value_low,
        estimates.value_high,
        cast(null as {{ scorehouse._type_double() }}) as threshold
    from cohorts
    inner join estimates
        on {{ scorehouse._same_cohort('cohorts', 'estimates') }}

),

final as (

    select
        {{ scorehouse._shared_columns(
            'n_scored', 'n_usable', has_part=false, feature=scorehouse._feature_of_output(spec),
            status="case when value is null then 'undefined' else 'estimate' end as status"
        ) }},
        case when value is not null then value_low end as value_low,
        case when value is not null then value_high end as value_high,
        {{ scorehouse._zone_of(spec.day, [predictions]) }} as time_zone
    from measured

)

select * from final
{% endmacro %}
