{#- The default thresholds; null means that the metric is reported but not judged. `missing_share` is the
    increase over the reference; `p_value` is how unlikely a distance must be before it counts. -#}
{% macro _drift_limits() %}
    {{ return({
        'psi': 0.1, 'js': none, 'tvd': none, 'l_inf': none, 'hellinger': none, 'chi2': none,
        'missing_share': 0.05, 'unseen_share': 0.01, 'out_of_range_share': 0.01, 'p_value': 0.01
    }) }}
{% endmacro %}


{% macro _drift_metrics() %}
    {{ return([
        'psi', 'js', 'tvd', 'l_inf', 'hellinger', 'chi2', 'missing_share', 'unseen_share', 'out_of_range_share'
    ]) }}
{% endmacro %}
