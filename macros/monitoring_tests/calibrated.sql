{% test calibrated(model, max_ece=0.05, segments=false, latest=false, min_labels=200) %}
    {% set call = 'calibrated' %}
    {% do scorehouse._check_share(call, 'max_ece', max_ece, 'write a difference of probabilities, such as 0.05') %}
    {#- With the interval, chance does not count: a perfectly calibrated score has an ECE of 0.06 at 200 labels. #}
    {{ scorehouse._worse_findings(call, model, {'ece': max_ece}, segments, latest, min_labels) }}
{% endtest %}
