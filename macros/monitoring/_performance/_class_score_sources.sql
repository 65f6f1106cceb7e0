{#- The score of each class in a row of `live`: one column, or a choice among columns if releases named them
    differently. A version's row in the registry says which column it is. If it does not, an earlier release
    registered the version and named the columns by its own rule. -#}
{% macro _class_score_sources(predictions, labels) %}
    {% set now, first = scorehouse._class_columns(labels), scorehouse._first_class_columns(labels) %}
    {% set alone, there, sources = [], [], [] %}
    {% for label in labels %}
        {% do alone.extend(scorehouse._class_columns([label])) %}
    {% endfor %}
    {#- every release gives these names, whatever the order of its labels -#}
    {% set is_certain = now == first and now == alone %}
    {% if execute and not is_certain and load_relation(predictions) is not none %}
        {% for column in adapter.get_columns_in_relation(predictions) %}
            {% do there.append(scorehouse._quote_unless_plain(column.name | lower)) %}
        {% endfor %}
    {% endif %}
    {% set named = scorehouse._registered_class_columns(predictions) if there else {} %}
    {% for label in labels %}
        {% set whens, found = [], [] %}
        {% for version, columns in named.items() %}
            {% set column = columns.get(scorehouse._class_text(label)) %}
            {% if column in there %}
                {% do whens.append('when ' ~ version ~ ' then live.' ~ column) %}
                {% do found.append(column) %}
            {% endif %}
        {% endfor %}
        {% set guessed = first[loop.index0] if now[loop.index0] not in there and first[loop.index0] in there %}
        {% if found | unique | list | length > 1 %}
            {% do sources.append('case live.model_version ' ~ whens | join(' ') ~ ' end') %}
        {% else %}
            {% do sources.append('live.' ~ (found[0] if found else guessed or now[loop.index0])) %}
        {% endif %}
    {% endfor %}
    {{ return(sources) }}
{% endmacro %}


{#- For each version of the ML model of a prediction table: its class score columns, by label. -#}
{% macro _registered_class_columns(predictions) %}
    {% set nodes = graph['nodes'].values() | selectattr('relation_name', 'equalto', predictions | string) | list %}
    {% set named, registries = {}, [] %}
    {% for node in nodes %}
        {% set seed = 'ml_' ~ scorehouse._ml_model_of(node) %}
        {% for parent in node['depends_on']['nodes'] if parent.split('.')[-1] == seed and graph['nodes'].get(parent) %}
            {% do registries.append(graph['nodes'][parent]) %}
        {% endfor %}
    {% endfor %}
    {% for registry in registries if adapter.get_relation(registry.database, registry.schema, registry.alias) %}
        {% set found = run_query('select * from ' ~ registry['relation_name']) %}
        {% set names = found.column_names | map('lower') | list %}
        {% for row in found.rows %}
            {% set columns = {} %}
            {% set told = row[names.index('class_columns')] if 'class_columns' in names %}
            {% for column, label in fromjson(told or '{}').items() %}
                {% do columns.update({scorehouse._class_text(label): scorehouse._quote_unless_plain(column)}) %}
            {% endfor %}
            {% if not told %}
                {% set labels = fromjson(row[names.index('classes')] or '[]') %}
                {% set first = scorehouse._first_class_columns(labels) %}
                {% for label in labels %}
                    {% do columns.update({scorehouse._class_text(label): first[loop.index0]}) %}
                {% endfor %}
            {% endif %}
            {% do named.update({row[names.index('version')] | int: columns}) %}
        {% endfor %}
    {% endfor %}
    {{ return(named) }}
{% endmacro %}
