{#- The select of a performance table in long form: predictions joined to labels, by cohort of prediction
    date. A cohort whose labels have not arrived has no values. -#}
{% macro performance(
    predictions, labels, key, label, task='classification', day=none, period='month', segments=[], maturity={},
    options={}
) %}
    {% set call = 'performance' %}
    {% do scorehouse._check_choice(
        call, 'task', task, ['classification', 'regression', 'ranking', 'clustering'], 'classification'
    ) %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels', optional=task == 'clustering') %}
    {% set spec = scorehouse._performance_spec(
        call=call, task=task, key=key, label=label, day=day, period=period, segments=segments, maturity=maturity,
        options=options, has_labels=labels is not none, predictions=predictions
    ) %}

with {{ scorehouse._labelled_rows(predictions, labels, spec) }},

{% if spec.classes -%}
    {{ scorehouse._multiclass_metrics(spec) }}
{%- elif spec.task == 'classification' -%}
    {{ scorehouse._classification_metrics(spec) }}
{%- elif spec.task == 'regression' -%}
    {{ scorehouse._regression_metrics(spec) }}
{%- elif spec.task == 'ranking' -%}
    {{ scorehouse._ranking_metrics(spec) }}
{%- else -%}
    {{ scorehouse._clustering_metrics(spec) }}
{%- endif %},

{{ scorehouse._set_metrics(spec) ~ ',' if spec['set'] }}

{{ scorehouse._metric_rows(spec) }},

{{ scorehouse._performance_rows(predictions, spec) }}

select * from final
{% endmacro %}
