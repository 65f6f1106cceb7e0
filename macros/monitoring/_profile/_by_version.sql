{#- One value for each version of an ML model: the value itself where all agree, else a `case`. -#}
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
