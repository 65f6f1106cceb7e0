{% test no_score_drift(model, outputs=none, thresholds={}, segments=false, latest=true, too_small_fails=false,
    small_fails=false) %}
    {{ config(severity='warn') }}
    {% set call = 'no_score_drift' %}
    {% set names = scorehouse._column_list(call, 'outputs', outputs, 'score') if outputs is not none else [] %}
    {% set limits = scorehouse._thresholds(call, thresholds, scorehouse._drift_limits()) %}
    {% do scorehouse._check_bool(call, 'segments', segments) %}
    {% do scorehouse._check_bool(call, 'latest', latest) %}
    {% do scorehouse._check_bool(call, 'too_small_fails', too_small_fails) %}
    {% do scorehouse._check_bool(call, 'small_fails', small_fails) %}
    {% set fails = (['too_small'] if too_small_fails else []) + (['small_drift'] if small_fails else []) %}

    {{ return(adapter.dispatch('test_no_score_drift', 'scorehouse')(
        model, names, thresholds, limits, segments, latest, fails
    )) }}
{% endtest %}

{% macro default__test_no_score_drift(model, names, thresholds, limits, segments, latest, fails) %}
    {{ scorehouse._drift_findings(model, 'output', names, thresholds, limits, segments, latest, fails) }}
{% endmacro %}
