{#- The score of each class in a row of `live`: one column, or a choice among columns if versions named them
    differently, since they have other classes. A version's row in the registry says which column it is. -#}
{% macro _class_score_sources(predictions, labels) %}
    {% set now, alone, there, sources = scorehouse._class_columns(labels), [], [], [] %}
    {% for label in labels %}
        {% do alone.extend(scorehouse._class_columns([label])) %}
    {% endfor %}
    {#- where these are equal, every version has these names, whatever its other classes are -#}
    {% for name in (scorehouse._existing_columns(predictions) if now != alone else []) %}
        {% do there.append(scorehouse._quote_unless_plain(name | lower)) %}
    {% endfor %}
    {% set named = scorehouse._registered_class_columns(predictions) if there else {} %}
    {% for label in labels %}
        {% set by_version = {} %}
        {% for version, columns in named.items() if columns.get(scorehouse._class_text(label)) in there %}
            {% do by_version.update({version: 'live.' ~ columns[scorehouse._class_text(label)]}) %}
        {% endfor %}
        {% if by_version %}
            {% do sources.append(scorehouse._by_version(by_version, 'live.model_version')) %}
        {% else %}
            {% do sources.append('live.' ~ now[loop.index0]) %}
        {% endif %}
    {% endfor %}
    {{ return(sources) }}
{% endmacro %}


{#- For each version of the ML model of a prediction table: its class score columns, by label. -#}
{% macro _registered_class_columns(predictions) %}
    {% set named = {} %}
    {% for row in scorehouse._registered_versions_of(predictions) %}
        {% set columns = {} %}
        {% for column, label in fromjson(row['class_columns'] or '{}').items() %}
            {% do columns.update({scorehouse._class_text(label): scorehouse._quote_unless_plain(column)}) %}
        {% endfor %}
        {% do named.update({row['version'] | int: columns}) %}
    {% endfor %}
    {{ return(named) }}
{% endmacro %}
