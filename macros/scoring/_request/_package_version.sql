{#- dbt tells a package nothing of its own version, so it stands here too; tests/python/package/test_versions.py
    compares it with the manifests. The runtime refuses to work with another one. -#}
{% macro _package_version() %}
    {{ return('0.1.0') }}
{% endmacro %}
