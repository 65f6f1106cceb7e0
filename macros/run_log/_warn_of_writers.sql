{#- DuckLake of DuckDB 1.5.3 and later reads freed memory where two transactions commit at once: dbt crashes, or a
    commit fails (https://github.com/duckdb/ducklake/issues/1248). -#}
{% macro _warn_of_writers() %}
    {% if model is defined and model.resource_type == 'operation' and target.type == 'duckdb' and target.threads > 1 %}
        {% set ns = namespace(path=target.path or '') %}
        {% for each in target.attach or [] if each.alias == target.database %}
            {% set ns.path = each.path %}
        {% endfor %}
        {% if ns.path.startswith('ducklake:') %}
            {% do exceptions.warn(
                'the target ' ~ target.name ~ ' is a DuckLake and has ' ~ target.threads ~ ' threads, with which a'
                ~ ' build may crash or fail (duckdb/ducklake#1248); write `threads: 1` in profiles.yml'
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
