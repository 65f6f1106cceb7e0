{#- SQL of a value that depends on the version: the value itself if all versions agree, else a `case`. -#}
{% macro _by_version(values, column='version') %}
    {% set agreed = values.values() | unique | list | length == 1 %}
    {{ return(values.values() | first if agreed else scorehouse._case_of(column, values)) }}
{% endmacro %}
