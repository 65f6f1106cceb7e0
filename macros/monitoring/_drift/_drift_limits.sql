{#- The default thresholds; null means that the metric is reported but not judged. `missing_share`,
    `unseen_share`, `out_of_range_share` and `repeated_share` are increases over what is expected; `p_value` is the
    false discovery rate of a window's verdicts. -#}
{% macro _drift_limits() %}
    {{ return({
        'psi': 0.1, 'js': none, 'tvd': none, 'l_inf': none, 'hellinger': none, 'chi2': none,
        'mean_shift': 0.3, 'spread_shift': 0.3,
        'missing_share': 0.05, 'unseen_share': 0.01, 'out_of_range_share': 0.01,
        'filled_share': 0.01, 'extreme_value': 3, 'constant_value': 1, 'repeated_share': 0.05, 'p_value': 0.01
    }) }}
{% endmacro %}


{#- From where a change that is certain, yet below its threshold, is reported as `small_drift`; null: never. -#}
{% macro _least_effects() %}
    {{ return({
        'psi': 0.02, 'js': none, 'tvd': none, 'l_inf': none, 'hellinger': none, 'chi2': none,
        'mean_shift': 0.1, 'spread_shift': 0.1,
        'missing_share': 0.005, 'unseen_share': 0.002, 'out_of_range_share': 0.002,
        'filled_share': 0, 'extreme_value': none, 'constant_value': none, 'repeated_share': 0.005
    }) }}
{% endmacro %}


{% macro _drift_metrics() %}
    {{ return([
        'psi', 'js', 'tvd', 'l_inf', 'hellinger', 'chi2', 'mean_shift', 'spread_shift', 'missing_share',
        'unseen_share', 'out_of_range_share', 'filled_share', 'extreme_value', 'constant_value', 'repeated_share'
    ]) }}
{% endmacro %}


{#- The metrics of the shape of a distribution, which values of dates cannot have. -#}
{% macro _shape_metrics() %}
    {{ return(['psi', 'js', 'tvd', 'l_inf', 'hellinger', 'chi2']) }}
{% endmacro %}
