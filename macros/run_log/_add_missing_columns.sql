{% macro _add_missing_columns(relation) %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list %}
    {% for column in scorehouse._run_log_columns() if column[0] not in present %}
        {% call statement('widen_run_log', auto_begin=true) %}
            alter table {{ relation }} add column {{ column[0] }} {{ column[1] }}
        {% endcall %}
        {% do adapter.commit() %}
    {% endfor %}
{% endmacro %}
