{#- The limits as a list of series: what is watched, on which side, its limit, and the bounds of a row's value. -#}
{% macro _sequential_series(call, kind, limits, bounds) %}
    {% set action = "write `limits: {accuracy: 0.7}`, or for a mean `limits: {score: [0.2, 0.4]}`" %}
    {% if limits is not mapping or not limits or bounds is not mapping %}
        {% do scorehouse._argument_error(call, 'limits', limits, 'limits by metric or column', action) %}
    {% endif %}
    {% set known = scorehouse._metrics().watched[kind] %}
    {% set series = [] %}
    {% for name, limit in limits.items() %}
        {% set range = bounds.get(name, [0, 1]) %}
        {% set both = limit if limit is sequence and limit is not string else none %}
        {% set is_odd = both is not none and both | length != 2 or kind == 'profiles' and not both %}
        {% do scorehouse._check_rules(call, [
            ('limits', name, known and name not in known and name not in bounds,
                'a mean of values from 0 to 1: one of ' ~ known | join(', '),
                "correct it, or for a mean of other values name their `bounds`: options={'bounds': {'mae': [0, 100]}}"),
            ('limits', limit, range | length != 2 or is_odd, 'a number, or for a mean two numbers', action),
        ]) %}
        {% set ends = [('below', both[0]), ('above', both[1])] if both else [(known.get(name, 'above'), limit)] %}
        {% for side, number in ends %}
            {% do scorehouse._check_number(call, 'limits', number, action) %}
            {% do scorehouse._check_rules(call, [
                ('limits', number, number <= range[0] or number >= range[1],
                    'a number between ' ~ range[0] ~ ' and ' ~ range[1], action),
            ]) %}
            {% do series.append({
                'name': name, 'side': side, 'limit': number, 'lowest': range[0], 'highest': range[1]
            }) %}
        {% endfor %}
    {% endfor %}
    {{ return(series) }}
{% endmacro %}
