{#- Adds the functions to the lineage that the versions of an ML model call on this target, or those of these numbers,
    so that dbt builds them first. While dbt parses it is not known which version has an alias. -#}
{% macro _note_functions(name, version) %}
    {% set start = 'scorehouse_predict__' ~ name ~ '__v' %}
    {% set wanted = scorehouse._each(start ~ '<value>__functions', scorehouse._as_list(version)) %}
    {% for macro_name in context if macro_name.startswith(start) and macro_name.endswith('__functions') %}
        {% for function_name in context[macro_name]() if not wanted or macro_name in wanted %}
            {% do function(function_name) %}
        {% endfor %}
    {% endfor %}
{% endmacro %}


{#- The functions that a version calls on this target, by their names: each as SQL calls it. Refuses one whose file is
    not what was proven: the MD5 of its text ends its name, which the MD5 of the SQL covers. -#}
{% macro _verified_functions(call, name, number) %}
    {% set names, called = [], {} %}
    {% for version in scorehouse._registered_versions(name) or [] if version['version'] == number %}
        {% do names.extend(version.get('functions', {}).get(target.type, [])) %}
    {% endfor %}
    {% for function_name in names %}
        {% for node in graph['functions'].values() if node['name'] == function_name %}
            {% if function_name.endswith(local_md5(node['raw_code'] | replace('\r\n', '\n') | trim)) %}
                {% do called.update({function_name: function(function_name) | string}) %}
            {% endif %}
        {% endfor %}
        {% do scorehouse._check_facts(call, [
            (function_name not in called,
                'the function ' ~ function_name ~ ' is missing, or is not the one that was proven',
                'the file functions/' ~ function_name ~ '.py as it was compiled',
                'restore it from version control, or run `scorehouse compile ' ~ name ~ '`'),
        ]) %}
    {% endfor %}
    {{ return(called) }}
{% endmacro %}
