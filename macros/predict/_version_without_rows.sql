{#- Under --empty, a version as the YAML of its seed lists it; else none. dbt-core 1.12 empties seeds too, so
    that the table of the registry has no versions. What version control has will score, and no row is scored
    now. -#}
{% macro _version_without_rows(name, number) %}
    {% for version in (scorehouse._registered_versions(name) or [] if flags.EMPTY else []) %}
        {% if version['version'] == number | int %}
            {{ return(version) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}
