{#- Thresholds by metric, and by feature and metric, as one dict: the defaults, overridden by the given
    thresholds. `{'psi': 0.1, 'dest': {'psi': 0.25}}` sets 0.1 for all features but `dest`; null: not
    judged. -#}
{% macro _thresholds(call, given, defaults, argument='thresholds') %}
    {% set action = "write numbers by metric, or by feature: {'" ~ (defaults | first)
        ~ "': 0.1, 'a_feature': {'" ~ (defaults | first) ~ "': 0.25}}" %}
    {% if given is not mapping %}
        {% do scorehouse._argument_error(call, argument, given, 'a mapping', action) %}
    {% endif %}
    {% set general, by_feature = {}, {} %}
    {% for name, value in given.items() %}
        {% do (by_feature if value is mapping else general).update({name: value}) %}
    {% endfor %}
    {% for name, chosen in [('', general)] + by_feature.items() | list %}
        {% for metric, value in chosen.items() %}
            {% do scorehouse._check_rules(call, [
                (argument, metric, metric not in defaults or (name and metric == 'p_value'),
                    'one of the metrics ' ~ defaults | join(', '), action),
            ]) %}
            {% do scorehouse._check_number(call, argument, value, action, lowest=0, optional=true) %}
        {% endfor %}
    {% endfor %}
    {% set limits = dict(defaults, features=by_feature) %}
    {% do limits.update(general) %}
    {{ return(limits) }}
{% endmacro %}


{#- SQL of the threshold of a metric, which may depend on the column `feature`; `general` is that of other features. -#}
{% macro _threshold_case(limits, metric, general=none) %}
    {% set general, by_feature = general or scorehouse._optional_double(limits[metric]), {} %}
    {% for name, chosen in limits['features'].items() if metric in chosen %}
        {% do by_feature.update({name: chosen[metric]}) %}
    {% endfor %}
    {{ return(scorehouse._case_of('feature', by_feature, general) if by_feature else general) }}
{% endmacro %}


{#- The same of several metrics, by name. -#}
{% macro _threshold_cases(limits, metrics) %}
    {% set cases = {} %}
    {% for metric in metrics %}
        {% do cases.update({metric: scorehouse._threshold_case(limits, metric)}) %}
    {% endfor %}
    {{ return(cases) }}
{% endmacro %}
