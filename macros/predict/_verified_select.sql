{#- What version control says of an ML model: its versions as the YAML of its seed lists them, since Jinja reads
    no CSV; none where an earlier release wrote the YAML, or where the registry is no seed. -#}
{% macro _registered_versions(name) %}
    {% set seeds = [] %}
    {% for node in graph['nodes'].values() if node['resource_type'] == 'seed' and node['name'] == 'ml_' ~ name %}
        {% do seeds.append(node) %}
    {% endfor %}
    {% for node in seeds if seeds | length == 1 or node['unique_id'] in model['depends_on']['nodes'] %}
        {{ return(node['config'].get('meta', {}).get('scorehouse', {}).get('versions')) }}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}


{#- Refuses a table of the seed that says otherwise than version control. `call` is what the user wrote. -#}
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
    {#- by position: some databases give names in upper case, and an earlier release's seed has fewer columns -#}
    {% set names, rows = found.column_names | map('lower') | list, found.rows %}
    {% for row in rows %}
        {% set facts = [] %}
        {% for name in compared %}
            {% do facts.append((row[names.index(name)] or '') | string if name in names else '') %}
        {% endfor %}
        {% do there.update({row[names.index('version')] | int | string: facts}) %}
    {% endfor %}
    {% if here != there or rows | length != here | length %}
        {% do exceptions.raise_compiler_error(
            call ~ ": the table " ~ registry ~ " is not the registry in version control, the seed ml_" ~ name
            ~ ": " ~ scorehouse._registry_difference(here, there, compared)
            ~ ".\n  Expected: a table that was loaded from this seed.\n  What to do: run `dbt seed --select ml_" ~ name
            ~ "`; if that does not help, run"
            ~ " `scorehouse check`, which compares the seed with its YAML."
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


{#- The compiled select of a version with marks for `_filled_select` to fill, equal to the text that was proven.
    What was compared is what runs: the macro is not asked a second time. -#}
{% macro _verified_select(call, name, number) %}
    {% set macro_name, mark = 'scorehouse_predict__' ~ name ~ '__v' ~ number, '<scorehouse>' %}
    {% set features, columns = context[macro_name ~ '__features'](), [] %}
    {% for feature in features %}
        {% do columns.append(mark ~ loop.index0 ~ mark) %}
    {% endfor %}
    {% set text = context[macro_name](mark ~ 'relation' ~ mark, mark ~ 'keep' ~ mark, columns) %}
    {% set found = local_md5((features + [text]) | join(mark)) %}
    {% set pinned = scorehouse._pinned_md5(call, name, number) %}
    {% if pinned != found %}
        {% do exceptions.raise_compiler_error(
            call ~ ": the macro " ~ macro_name ~ " is not the SQL that was proven: its md5 on " ~ target.type
            ~ " is " ~ found ~ ".\n  Expected: " ~ (pinned or 'no SQL for this version, since none was proven')
            ~ ", which the YAML of the seed ml_" ~ name ~ " pins.\n  What to do: restore the macro from version"
            ~ " control, or run `scorehouse prove " ~ name ~ "`, which compiles and proves it again."
        ) %}
    {% endif %}
    {{ return(text) }}
{% endmacro %}


{#- The md5 that a version's SQL must have on this target, empty where none was proven. -#}
{% macro _pinned_md5(call, name, number) %}
    {% set registered = scorehouse._registered_versions(name) %}
    {% for version in registered or [] if version['version'] == number and 'sql' in version %}
        {{ return(version['sql'].get(target.type, '')) }}
    {% endfor %}
    {% if registered is none or number in registered | map(attribute='version') %}
        {% do exceptions.raise_compiler_error(
            call ~ ": nothing says which SQL of version " ~ number ~ " was proven.\n  Expected: its digest in the"
            ~ " YAML of the seed ml_" ~ name ~ ", which releases before this one did not write.\n  What to do: run"
            ~ " `scorehouse prove " ~ name ~ "`, commit what it writes, and run `dbt seed --select ml_" ~ name ~ "`."
        ) %}
    {% endif %}
    {% do exceptions.raise_compiler_error(
        call ~ ": version " ~ number ~ " is not registered.\n  Expected: one of the versions "
        ~ registered | map(attribute='version') | join(', ') ~ ", as the YAML of the seed ml_" ~ name
        ~ " lists them.\n  What to do: name one of these, or register the version."
    ) %}
{% endmacro %}


{#- A verified select over `relation`: `keep` is SQL that ends with a comma, `columns` are quoted. One pass, so
    that nothing in a value is filled again. -#}
{% macro _filled_select(text, relation, keep, columns) %}
    {% set values, parts = {'relation': relation | string, 'keep': keep}, [] %}
    {% for column in columns %}
        {% do values.update({loop.index0 | string: column}) %}
    {% endfor %}
    {% for part in text.split('<scorehouse>') %}
        {% do parts.append(values[part] if loop.index0 is odd else part) %}
    {% endfor %}
    {{ return(parts | join) }}
{% endmacro %}
