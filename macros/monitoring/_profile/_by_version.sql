{#- SQL of a value that depends on the version: the value itself if all versions agree, else a `case`. -#}
{% macro _by_version(values) %}
    {% if values.values() | unique | list | length == 1 %}
        {{ return(values.values() | first) }}
    {% endif %}
    {% set whens = [] %}
    {% for version, value in values.items() %}
        {% do whens.append('when ' ~ version ~ ' then ' ~ value) %}
    {% endfor %}
    {{ return('case version ' ~ whens | join(' ') ~ ' end') }}
{% endmacro %}
