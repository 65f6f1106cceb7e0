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
    {{ scorehouse._worse_findings(
        call, model, metrics, segments, latest, min_labels, registry=registry, output=output
    ) }}
{% endtest %}
