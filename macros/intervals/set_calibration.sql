{#- The select of a calibration of prediction sets (conformal classification): per version and level, how unlikely
    the estimator found the labels that arrived. `interval_calibration` is the same for a regression. -#}
{% macro set_calibration(predictions, labels, key, label, classes, levels=[0.9], group=none, options={}) %}
    {% set call = 'set_calibration' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% set own = ['method', 'positive', 'score', 'label_time', 'day', 'date_from', 'date_to'] %}
    {% do scorehouse._check_keys(call, 'options', options, own) %}
    {% set levels = scorehouse._check_levels(call, levels) %}
    {% set spec = scorehouse._performance_spec(
        call=call, task='classification', key=key, label=label, day=options.get('day'),
        maturity={'label_time': options.get('label_time')}
    ) %}
    {% do spec.update(scorehouse._set_spec(call, classes, options)) %}
    {% do spec.update({'levels': levels, 'group': scorehouse._identifier(group) if group else none}) %}

{% do scorehouse._check_labels(spec.call, labels, spec.label, spec.classes) %}
{% set columns = [scorehouse._label_text('scorehouse_label', spec.classes) ~ ' as label_text']
    + scorehouse._each('<value> as score_<place>', scorehouse._set_scores(predictions, spec)) %}
with {{ scorehouse._calibration_rows(
    predictions, labels, spec, columns, options.get('date_from'), options.get('date_to')
) }},

{%- set scores = scorehouse._each('score_<place>', spec.set_classes) %}
{%- set sum_of_scores = scores | join(' + ') %}

distances as (

    select
        ml_model,
        version,
        {{ 'interval_group,' if spec.group }}
        label_text,
        {{ scorehouse._set_distance(scores, spec) }} as distance
    from labelled
    where label_text is not null
        and {{ scorehouse._is_finite('(' ~ sum_of_scores ~ ')') }}

),

{{ scorehouse._calibrated_quantiles(spec) }}

select * from final
{% endmacro %}
