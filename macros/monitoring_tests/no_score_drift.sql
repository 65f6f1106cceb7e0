{% test no_score_drift(model, outputs=none, thresholds={}, segments=false, latest=true, too_small_fails=false,
    small_fails=false) %}
    {{ config(severity='warn') }}
    {% set call = 'no_score_drift' %}
    {% set names = scorehouse._column_list(call, 'outputs', outputs, 'score') if outputs is not none else [] %}
    {% set switches = {
        'segments': segments, 'latest': latest, 'too_small_fails': too_small_fails, 'small_fails': small_fails
    } %}

    {{ scorehouse._drift_findings(call, model, part='output', names=names, thresholds=thresholds, switches=switches) }}
{% endtest %}
