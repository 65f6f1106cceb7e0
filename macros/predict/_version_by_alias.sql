{#- The version that holds an alias; none if the seed is not loaded yet and nothing will run. -#}
{% macro _version_by_alias(call, name, registry, alias) %}
    {% set function = call.partition('(')[0].partition('.')[2] %}
    {% if load_relation(registry) is none %}
        {% if flags.WHICH in ['compile', 'generate', 'list', 'parse'] %}
            {{ return(none) }}
        {% endif %}
        {% do scorehouse._argument_error(
            function, 'name', name,
            'an ML model whose seed is loaded; ' ~ registry ~ ' does not exist',
            'run `dbt seed`, or `dbt build`, which loads it first'
        ) %}
    {% endif %}
    {% do scorehouse._check_registry_table(call, name, registry) %}
    {% set rows, held, known = [], [], [] %}
    {% for row in run_query('select version, aliases from ' ~ registry.render()).rows %}
        {% do rows.append([row[0] | int, ((row[1] or '') | string).split('|')]) %}
    {% endfor %}
    {% for version in (scorehouse._registered_versions(name) or [] if flags.EMPTY and not rows else []) %}
        {% do rows.append([version['version'], version['aliases']]) %} {#- see _version_without_rows -#}
    {% endfor %}
    {% for row in rows %}
        {% do known.extend(row[1]) %}
        {% if alias in row[1] %}
            {% do held.append(row[0]) %}
        {% endif %}
    {% endfor %}
    {% if held | length != 1 %}
        {% do scorehouse._argument_error(
            function, 'alias', alias,
            'an alias that one version has; the aliases are ' ~ known | select | sort | join(', '),
            'use one of these aliases, or promote a version to this alias first'
        ) %}
    {% endif %}
    {{ return(held[0]) }}
{% endmacro %}
