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
