{% test performance_at_least(model, metrics, segments=false, latest=false, min_labels=0, require_rows=false) %}
    {% set call = 'performance_at_least' %}
    {% do scorehouse._check_metrics(call, metrics, 'limits by metric', '{roc_auc: 0.7, log_loss: 0.5}') %}
    {% do scorehouse._check_bool(call, 'require_rows', require_rows) %}
    {{ scorehouse._worse_findings(call, model, metrics, segments, latest, min_labels, require_rows) }}
{% endtest %}
