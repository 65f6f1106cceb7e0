{#- By how much each feature is moved, with `<value>` for its own value: a step of the user, or units in the last place.
    Half of the last place is left out, so that one unit is the neighbour of a double; a float32 moves by one or two.
    Zero moves to the smallest number that no database takes for zero, and infinity stays. -#}
{% macro _moved_features(call, name, signature, number, features, ulps, steps) %}
    {% set types, dtypes, doubles, moved = {}, {}, [], {} %}
    {% if load_relation(signature) is not none %}
        {% for row in scorehouse._rows_of(
            'select feature, type, dtype from ' ~ signature.render() ~ ' where version = ' ~ number
                ~ ' order by position'
        ) %}
            {% do types.update({row['feature']: row['type']}) %}
            {% do dtypes.update({row['feature']: row['dtype'] | lower}) %}
            {% do doubles.append(row['feature']) if row['type'] == 'double' %}
        {% endfor %}
    {% endif %}
    {% if not types and (flags.EMPTY or flags.WHICH in ['compile', 'generate', 'list', 'parse']) %}
        {{ return(moved) }}
    {% endif %}
    {% do scorehouse._check_facts(call, [
        (not types, signature ~ ' lacks version ' ~ number, 'the seed with its features',
            'run `' ~ scorehouse._build_command(name) ~ '`'),
    ]) %}
    {% do scorehouse._check_keys('fragile_rows', 'steps', steps, types.keys() | list) %}
    {% set listed = scorehouse._column_list('fragile_rows', 'features', features, 'amount') if features is not none
        else steps.keys() | list or doubles %}
    {% do scorehouse._check_keys('fragile_rows', 'steps', steps, listed) %}
    {% for feature in listed %}
        {% set step, type = steps.get(feature), types.get(feature) %}
        {% if type not in ['double', 'integer'] or (step is none and type == 'integer') %}
            {% do scorehouse._argument_error(
                'fragile_rows', 'features', feature,
                'features of the type double, or integers with a step; version ' ~ number ~ ' has '
                    ~ types.keys() | join(', '),
                'name one of these, or give an integer a step: `steps={' ~ "'" ~ feature ~ "': 1}`"
            ) %}
        {% elif step is not none %}
            {% do scorehouse._check_number(
                'fragile_rows', 'steps', step, 'write what is one step of the feature, such as 0.01', lowest=1e-300
            ) %}
            {% do scorehouse._check_rules('fragile_rows', [
                ('steps', step, type == 'integer' and step != step | int,
                    'a whole step of ' ~ feature ~ ', which is an integer', 'write 1'),
            ]) %}
            {% do moved.update({feature: scorehouse._exact_double(step)}) %}
        {% else %}
            {% set single = dtypes[feature] == 'float32' %}
            {% set unit = ulps * 1.1920928955078125e-07 if single else (ulps - 0.496) * 2.220446049250313e-16 %}
            {% set least, most = ('1e-30', '1e37') if single else ('1e-290', '1e300') %}
            {% do moved.update({feature: 'case when abs(<value>) < ' ~ scorehouse._exact_double(least) ~ ' then '
                ~ scorehouse._exact_double('1.2e-38' if single else '2.3e-308') ~ ' when abs(<value>) < '
                ~ scorehouse._exact_double(most) ~ ' then abs(<value>) * ' ~ scorehouse._exact_double(unit)
                ~ ' else ' ~ scorehouse._exact_double('0') ~ ' end'}) %}
        {% endif %}
    {% endfor %}
    {% do scorehouse._check_rules('fragile_rows', [
        ('features', features, not moved, 'a feature to move; version ' ~ number ~ ' has no doubles',
            'give an integer a step, as one of `steps`'),
    ]) %}
    {{ return(moved) }}
{% endmacro %}
