{#- The seeds beside a registry whose tables lack a version that version control has, or have another one: a mapping
    from versions to names of seeds. Only seeds that a model reads count, and not those that this command loads. -#}
{% macro _seeds_not_loaded(name) %}
    {% set found, versions = {}, scorehouse._registered_versions(name) or [] %}
    {% for part in ['signature', 'reference', 'calibration'] if not flags.EMPTY %}
        {% set seed_name = 'ml_' ~ name ~ '__' ~ part %}
        {% for seed in graph['nodes'].values()
            if seed['resource_type'] == 'seed' and seed['name'] == seed_name and scorehouse._is_awaited(seed) %}
            {% for number in scorehouse._versions_not_in(scorehouse._table_of(seed), part, versions) %}
                {% do found.setdefault(number | string, []).append(seed_name) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#- Whether a model reads the seed, and this command does not load it. Without the list of what the command selects
    (dbt v2), this is not known: then only the models that read the seed check it. -#}
{% macro _is_awaited(seed) %}
    {% if selected_resources is not defined or seed['unique_id'] in selected_resources %}
        {{ return(false) }}
    {% endif %}
    {% for node in graph['nodes'].values()
        if node['resource_type'] == 'model' and seed['unique_id'] in node['depends_on']['nodes'] %}
        {#- With --defer, what is not here is read elsewhere. #}
        {{ return(not (invocation_args_dict.get('defer') and scorehouse._table_of(seed) is none)) }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{#- The table of a seed; none if there is none. -#}
{% macro _table_of(seed) %}
    {{ return(adapter.get_relation(
        database=seed['database'], schema=seed['schema'], identifier=seed['alias']
    )) }}
{% endmacro %}


{#- The versions of which the table of a seed does not have what version control has, by its size. -#}
{% macro _versions_not_in(relation, part, versions) %}
    {% set there, missing = {}, [] %}
    {% if relation is not none %}
        {% set size = 'sum(row_count)' if part == 'reference' else 'count(*)' %}
        {% for row in run_query('select version, ' ~ size ~ ' from ' ~ relation ~ ' group by version').rows %}
            {% do there.update({row[0] | int: row[1] | int}) %}
        {% endfor %}
    {% endif %}
    {% for version in versions %}
        {% set size = version.get('loaded', {}).get(part) %}
        {% if size is not none and there.get(version['version']) != size %}
            {% do missing.append(version['version']) %}
        {% endif %}
    {% endfor %}
    {{ return(missing) }}
{% endmacro %}


{#- Refuses to score with a version that the monitors could not know. -#}
{% macro _check_seeds_loaded(call, name, number) %}
    {% set missing = scorehouse._seeds_not_loaded(name) if flags.WHICH in ['build', 'run'] else {} %}
    {% do scorehouse._check_facts(call, [
        (number | string in missing,
            'version ' ~ number ~ ' scores, and it is not in the table of '
                ~ missing.get(number | string, []) | join(', ') ~ ' as in version control, so nothing would monitor it',
            'the seeds that models of this project read, with the version that scores',
            'run `' ~ scorehouse._build_command(name) ~ '`; in a target without the tables that these read, run '
                ~ '`dbt build --select "@tag:ml_' ~ name ~ '" --indirect-selection buildable`'),
    ]) %}
{% endmacro %}


{#- As `build_command` in src/scorehouse/registry/seeds.py. -#}
{% macro _build_command(name) %}
    {{ return('dbt build --select tag:ml_' ~ name ~ '+') }}
{% endmacro %}
