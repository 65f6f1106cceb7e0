{#- SQL that is true for a row of a table from the days that its version was trained on, by its day or, without one, by
    the time of its label. None if these days or that time are not known, or if such rows are to be included. -#}
{% macro _is_training_row(predictions, spec, table='live') %}
    {% set node = scorehouse._node_of(predictions, ['model', 'snapshot']) if execute else none %}
    {% if node is none or spec.include_training or not (spec.has_day or spec.label_time) %}
        {{ return(none) }}
    {% endif %}
    {% set stamp, periods = dbt.type_timestamp(), [] %}
    {% set column = spec.day if spec.has_day else 'scorehouse_label_time' %}
    {% set time = 'cast(' ~ table ~ '.' ~ column ~ ' as ' ~ stamp ~ ')' %}
    {% for version in scorehouse._trained_versions(node) %}
        {% set after = dbt.dateadd('day', 1, scorehouse._moment(version['trained_to'])) %}
        {% set period = [
            table ~ '.model_name = ' ~ scorehouse._text_literal(version['name']),
            table ~ '.model_version = ' ~ version['version'],
            time ~ ' < cast(' ~ after ~ ' as ' ~ stamp ~ ')'
        ] %}
        {% if version.get('trained_from') %}
            {% do period.append(time ~ ' >= ' ~ scorehouse._moment(version['trained_from'])) %}
        {% endif %}
        {% do periods.append('(' ~ period | join(' and ') ~ ')') %}
    {% endfor %}
    {{ return('(' ~ periods | unique | join(' or ') ~ ')' if periods else none) }}
{% endmacro %}


{#- The versions with known days of training, of the registries that a model reads, or that its parents read. -#}
{% macro _trained_versions(node, depth=3) %}
    {% set found, parents = [], [] %}
    {% for id in node['depends_on']['nodes'] if id in graph['nodes'] %}
        {% do parents.append(graph['nodes'][id]) %}
    {% endfor %}
    {% for parent in parents if parent['resource_type'] == 'seed' and parent['name'].startswith('ml_') %}
        {% for version in parent['config'].get('meta', {}).get('scorehouse', {}).get('versions', [])
            if version.get('trained_to') %}
            {% do found.append(dict(version, name=parent['name'][3:])) %}
        {% endfor %}
    {% endfor %}
    {% for parent in parents if parent['resource_type'] == 'model' and depth > 0 and not found %}
        {% do found.extend(scorehouse._trained_versions(parent, depth - 1)) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
