{% test performance_not_below_reference(
    model, registry, metrics, segments=false, latest=false, min_labels=50, output=none
) %}
    {% set call = 'performance_not_below_reference' %}
    {% do scorehouse._check_relation(call, 'registry', registry, 'ml_churn') %}
    {% do scorehouse._check_metrics(
        call, metrics, 'for each metric, how much worse it may be than at registration',
        '{roc_auc: 0.05, log_loss: 0.1}', lowest=0
    ) %}
    {% do scorehouse._check_output(call, 'output', output) %}

{% set registered = {} %}
{% for metric in metrics %}
    {% do registered.update({metric: scorehouse._registered_metric('registry.metrics', metric, output)}) %}
{% endfor %}
{#- A metric without a value at registration fails too: nothing could be compared. -#}
with measured as (

    {{ scorehouse._mature_rows(call, model, metrics, segments, latest, min_labels) }}

),

compared as (

    select
        measured.*,
        {{ scorehouse._case_of('metric', registered) }} as reference_value,
        {{ scorehouse._case_of('metric', metrics) }} as tolerance
    from measured
    left join {{ scorehouse._named(registry, 'registry') }}
        on measured.ml_model = registry.name
        and measured.version = registry.version

),

limited as (

    select
        *,
        case when {{ scorehouse._lower_is_better() }}
            then reference_value + tolerance else reference_value - tolerance end as own_threshold
    from compared

),

{{ scorehouse._certainly_worse('limited', 'judged', 'own_threshold', scorehouse._has_intervals(model)) }},

validation_errors as (

    select
        ml_model,
        version,
        segment,
        metric,
        value,
        own_threshold as threshold,
        reference_value,
        window_start,
        window_end,
        n_current,
        case when reference_value is null then 'no_reference' else 'below_reference' end as problem
    from judged
    where reference_value is null
        or adjusted_p < 0.01e0

)

select * from validation_errors
{% endtest %}
