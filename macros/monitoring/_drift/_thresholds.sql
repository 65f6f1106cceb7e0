{#- Thresholds by metric, and by feature and metric, as one dict: the defaults, overridden by the given
    thresholds. `{'psi': 0.1, 'dest': {'psi': 0.25}}` sets 0.1 for all features but `dest`; null: not
    judged. -#}
{% macro _thresholds(call, given, defaults, argument='thresholds') %}
    {% set action = "write numbers by metric, or by feature: {'" ~ (defaults | first)
        ~ "': 0.1, 'a_feature': {'" ~ (defaults | first) ~ "': 0.25}}" %}
    {% if given is not mapping %}
        {% do scorehouse._argument_error(call, argument, given, 'a mapping', action) %}
    {% endif %}
    {% set limits, by_feature = dict(defaults), {} %}
    {% for name, value in given.items() %}
        {% if value is mapping %}
            {% do by_feature.update({name: value}) %}
        {% elif name in defaults %}
            {% do limits.update({name: value}) %}
        {% else %}
            {% do scorehouse._argument_error(
                call, argument, name, 'one of the metrics ' ~ defaults | join(', '), action
            ) %}
        {% endif %}
    {% endfor %}
    {% for name, chosen in [('', limits)] + by_feature.items() | list %}
        {% for metric, value in chosen.items() %}
            {% if metric not in defaults or (name and metric == 'p_value') %}
                {% do scorehouse._argument_error(
                    call, argument, metric, 'one of the metrics ' ~ defaults | join(', '), action
                ) %}
            {% endif %}
            {% if value is not none %}
                {% do scorehouse._check_number(call, argument, value, action, lowest=0) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% do limits.update({'features': by_feature}) %}
    {{ return(limits) }}
{% endmacro %}


{#- SQL for the threshold of a metric, depending on the column `feature`. -#}
{% macro _threshold_case(limits, metric) %}
    {% set double = scorehouse._type_double() %}
    {% set whens = [] %}
    {% for name, chosen in limits['features'].items() if metric in chosen %}
        {% do whens.append('when ' ~ scorehouse._text_literal(name) ~ ' then '
            ~ scorehouse._optional_double(chosen[metric])) %}
    {% endfor %}
    {% set general = scorehouse._optional_double(limits[metric]) %}
    {{ return('case feature ' ~ whens | join(' ') ~ ' else ' ~ general ~ ' end' if whens else general) }}
{% endmacro %}
