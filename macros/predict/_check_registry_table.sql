{#- Refuses a seed table that differs from version control. `call` is the call as the user wrote it. -#}
{% macro _check_registry_table(call, name, registry) %}
    {% set registered = scorehouse._registered_versions(name) %}
    {% if registered is none %}
        {{ return('') }}
    {% endif %}
    {% set compared = ['aliases', 'sha256', 'class_columns'] %}
    {% set here, there = {}, {} %}
    {% for version in registered %}
        {% set aliases = version['aliases'] | join('|') %}
        {% do here.update({
            version['version'] | string: [aliases, version['sha256'], version.get('class_columns') or '']
        }) %}
    {% endfor %}
    {% set found = run_query('select * from ' ~ registry.render()) %}
    {#- by position: some databases return names in upper case, and a seed from an earlier release has fewer
        columns -#}
    {% set names, rows = found.column_names | map('lower') | list, found.rows %}
    {% if flags.EMPTY and not rows | length %}
        {{ return('') }} {#- see _version_without_rows -#}
    {% endif %}
    {% for row in rows %}
        {% set facts = [] %}
        {% for name in compared %}
            {% do facts.append((row[names.index(name)] or '') | string if name in names else '') %}
        {% endfor %}
        {% do there.update({row[names.index('version')] | int | string: facts}) %}
    {% endfor %}
    {% if here != there or rows | length != here | length %}
        {% do scorehouse._fail(
            call,
            'the table ' ~ registry ~ ' differs from the registry in version control, the seed ml_' ~ name ~ ': '
                ~ scorehouse._registry_difference(here, there, compared),
            'a table that was loaded from this seed',
            'run `dbt seed --select ml_' ~ name ~ '`; if that does not help, run `scorehouse check`, which compares the'
                ~ ' seed with its YAML'
        ) %}
    {% endif %}
{% endmacro %}


{% macro _registry_difference(here, there, compared) %}
    {% for number, facts in here.items() if there.get(number) %}
        {% for name in compared if there[number][compared.index(name)] != facts[compared.index(name)] %}
            {% set at = compared.index(name) %}
            {{ return(
                'version ' ~ number ~ ' has ' ~ name ~ " '" ~ there[number][at]
                ~ "' in the table and '" ~ facts[at] ~ "' in version control"
            ) }}
        {% endfor %}
    {% endfor %}
    {{ return(
        'the table has the versions ' ~ there.keys() | join(', ') ~ ' and version control has '
        ~ here.keys() | join(', ')
    ) }}
{% endmacro %}
