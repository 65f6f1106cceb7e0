{#- dbt does not tell a package its own version, so it is repeated here;
    tests/python/package/test_versions.py compares it with the manifests. The runtime refuses to work with
    another version. -#}
{% macro _package_version() %}
    {{ return('0.1.0') }}
{% endmacro %}
