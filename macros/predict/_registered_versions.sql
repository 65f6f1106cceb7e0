{#- The versions of an ML model in version control: as listed in the YAML of its seed, since Jinja cannot
    read a CSV. None if the registry is not a seed. -#}
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
