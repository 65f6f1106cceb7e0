{#- Refuses a seed table that differs from version control. `call` is the call as the user wrote it. -#}
{% macro _check_registry_table(call, name, registry) %}
    {% set registered = scorehouse._registered_versions(name) %}
    {% if registered is none %}
        {{ return('') }}
    {% endif %}
    {% set here, there, rows = {}, {}, scorehouse._registry_rows(name, registry) %}
    {% for version in registered %}
        {% set facts = dict(version, aliases=version['aliases'] | join('|')) %}
        {% do here.update({version['version'] | string: scorehouse._registry_facts(facts)}) %}
    {% endfor %}
    {% for row in rows %}
        {% set threshold = row['threshold'] %}
        {#- In Python's words, which reads no registry where SQL scores alone. #}
        {% set is_probability = row['aliases'] and row.get('score_method') == 'predict_proba' %}
        {% do scorehouse._check_facts(call, [
            (is_probability and threshold is number and (threshold <= 0 or threshold > 1),
                name ~ ' version ' ~ row['version'] ~ ': threshold is ' ~ threshold
                    ~ ', and the scores are probabilities: all rows would have one label',
                'a threshold above 0, and at most 1',
                'correct the row in ml_' ~ name ~ '.csv, or restore it from version control'),
        ]) %}
        {% do there.update({row['version'] | int | string: scorehouse._registry_facts(row)}) %}
    {% endfor %}
    {% set named = [] %}
    {% for number, facts in here.items() if facts['aliases'] %}
        {% do named.append(number ~ ' --alias ' ~ facts['aliases'].split('|')[0]) %}
    {% endfor %}
    {% do scorehouse._check_facts(call, [
        (here != there or rows | length != here | length,
            'the table ' ~ registry ~ ' differs from the registry in version control, the YAML of the seed ml_' ~ name
                ~ ': ' ~ scorehouse._registry_difference(here, there),
            'a table that was loaded from this seed, and a YAML that scorehouse wrote for it',
            'run `dbt seed --select tag:ml_' ~ name ~ '`; if the CSV was edited by hand, run '
                ~ '`scorehouse promote ' ~ name ~ ' ' ~ (named[0] if named else '<version> --alias <its alias>')
                ~ '`, which writes the YAML from it; '
                ~ '`scorehouse check` compares the two'),
    ]) %}
{% endmacro %}


{#- The columns of a row that decide which version scores and what its labels are. JSON and numbers are read, since
    equal ones may be written differently. -#}
{% macro _registry_facts(row) %}
    {% set threshold = row.get('threshold') %}
    {{ return({
        'aliases': row['aliases'] or '',
        'sha256': row['sha256'],
        'classes': tojson(fromjson(row.get('classes') or '[]')),
        'class_columns': tojson(fromjson(row.get('class_columns') or '{}')),
        'threshold': '' if threshold is none else (threshold | float | string),
    }) }}
{% endmacro %}


{#- How the seed table differs from version control, in words. -#}
{% macro _registry_difference(here, there) %}
    {% for number, facts in here.items() if there.get(number) %}
        {% for fact, value in facts.items() if there[number][fact] != value %}
            {{ return(
                'version ' ~ number ~ ' has ' ~ fact ~ " '" ~ there[number][fact] ~ "' in the table and '" ~ value
                ~ "' in version control"
            ) }}
        {% endfor %}
    {% endfor %}
    {{ return(
        'the table has the versions ' ~ there.keys() | join(', ') ~ ' and version control has '
        ~ here.keys() | join(', ')
    ) }}
{% endmacro %}
