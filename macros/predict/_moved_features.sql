{#- What is added to each feature that is moved, with `<value>` for its own: a step of the user, or as many units in
    the last place as `ulps`. Half of the last place is left out, so that one unit is the neighbour of every double. -#}
{% macro _moved_features(call, name, signature, number, features, ulps, steps) %}
    {% if load_relation(signature) is none %}
        {% do scorehouse._fail(
            call, signature ~ ' does not exist', 'the seed with the features of the ML model',
            'run `dbt seed --select tag:ml_' ~ name ~ '`'
        ) %}
    {% endif %}
    {% set types, dtypes, moved = {}, {}, {} %}
    {% for row in scorehouse._rows_of(
        'select feature, type, dtype from ' ~ signature ~ ' where version = ' ~ number ~ ' order by position'
    ) %}
        {% do types.update({row['feature']: row['type']}) %}
        {% do dtypes.update({row['feature']: row['dtype'] | lower}) %}
    {% endfor %}
    {% set doubles = [] %}
    {% for feature in types if types[feature] == 'double' %}
        {% do doubles.append(feature) %}
    {% endfor %}
    {% for feature in features or steps or doubles %}
        {% if types.get(feature) not in (['double', 'integer'] if feature in steps else ['double']) %}
            {% do scorehouse._argument_error(
                'fragile_rows', 'features', feature,
                'features of the type double, or integers with a step; version ' ~ number ~ ' has '
                    ~ types.keys() | join(', '),
                'name one of these, or give an integer a step: `steps={' ~ "'" ~ feature ~ "': 1}`"
            ) %}
        {% elif feature in steps %}
            {% do scorehouse._check_number(
                'fragile_rows', 'steps', steps[feature], 'write what is one step of the feature, such as 0.01'
            ) %}
            {% do moved.update({feature: scorehouse._double_literal(steps[feature])}) %}
        {% else %}
            {% set unit = 1.1920928955078125e-07 if dtypes[feature] == 'float32' else 2.220446049250313e-16 %}
            {% do moved.update({feature: 'greatest(abs(<value>) * '
                ~ scorehouse._double_literal((ulps - 0.496) * unit) ~ ', 2.2250738585072014e-308)'}) %}
        {% endif %}
    {% endfor %}
    {{ return(moved) }}
{% endmacro %}
