{#- The versions of an ML model in version control: as listed in the YAML of its seed, since Jinja cannot
    read a CSV. None if the registry is not a seed. -#}
{% macro _registered_versions(name) %}
    {% set seeds = graph['nodes'].values() | selectattr('resource_type', 'equalto', 'seed')
        | selectattr('name', 'equalto', 'ml_' ~ name) | list %}
    {% for node in seeds if seeds | length == 1 or node['unique_id'] in model['depends_on']['nodes'] %}
        {{ return(node['config'].get('meta', {}).get('scorehouse', {}).get('versions')) }}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}


{#- The numbers of those that are archived: without a reference. -#}
{% macro _archived_versions(name) %}
    {% set found = [] %}
    {% for version in scorehouse._registered_versions(name) or []
        if 'reference' not in version.get('loaded', ['reference']) %}
        {% do found.append(version['version']) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#- The rows of a registry's table, as mappings; none before it is loaded. Under --empty, dbt-core 1.12 empties seeds
    too: then they are as the YAML lists them, since what version control has will score, and no row is scored now. -#}
{% macro _registry_rows(name, registry) %}
    {% set is_there = load_relation(registry) is not none %}
    {% set rows = scorehouse._rows_of('select * from ' ~ registry.render()) if is_there else [] %}
    {% for version in (scorehouse._registered_versions(name) or [] if flags.EMPTY and not rows else []) %}
        {% do rows.append(dict(version, aliases=version['aliases'] | join('|'))) %}
    {% endfor %}
    {{ return(rows) }}
{% endmacro %}


{#- The row of a version there; empty if it has none. -#}
{% macro _registry_row(name, registry, number) %}
    {% for row in scorehouse._registry_rows(name, registry) if row['version'] | int == number | int %}
        {{ return(row) }}
    {% endfor %}
    {{ return({}) }}
{% endmacro %}


{#- Whether the seed of an ML model is there. Refuses to go on without it, unless nothing is run. -#}
{% macro _registry_is_loaded(call, name, registry) %}
    {% if load_relation(registry) is not none %}
        {{ return(true) }}
    {% endif %}
    {% do scorehouse._check_rules(call.split('(')[0].split('.') | last, [
        ('name', name, flags.WHICH not in ['compile', 'generate', 'list', 'parse'],
            'an ML model whose seed is loaded; ' ~ registry ~ ' does not exist',
            'run `dbt seed`, or `dbt build`, which loads it first'),
    ]) %}
    {{ return(false) }}
{% endmacro %}


{#- The version that is named by its number, or by an alias that it has; none if the seed is not loaded yet and nothing
    will run. -#}
{% macro _named_version(call, name, registry, alias, version) %}
    {% set is_loaded = scorehouse._registry_is_loaded(call, name, registry) %}
    {% if is_loaded %}
        {% do scorehouse._check_registry_table(call, name, registry) %}
    {% endif %}
    {% if version is not none or not is_loaded %}
        {{ return(version) }}
    {% endif %}
    {% set versions, known = [], [] %}
    {% for row in scorehouse._registry_rows(name, registry) %}
        {% set aliases = ((row['aliases'] or '') | string).split('|') %}
        {% do known.extend(aliases) %}
        {% do versions.append(row['version'] | int) if alias in aliases %}
    {% endfor %}
    {% do scorehouse._check_rules(call.split('(')[0].split('.') | last, [
        ('alias', alias, versions | length != 1,
            'an alias that one version has; the aliases are ' ~ known | select | sort | join(', '),
            'use one of these aliases, or promote a version to this alias first'),
    ]) %}
    {{ return(versions[0]) }}
{% endmacro %}
