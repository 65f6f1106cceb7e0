{# Refuses what cannot be passed to the runtime, which checks the arguments' types; where SQL scores alone, this is done
   here, when dbt parses, but for a model that is not enabled there. #}
{% macro _check_scored(name, arguments) %}
    {% do scorehouse._check_text(
        'scored', 'name', name, 'the name of a registered ML model', "write `scorehouse.scored('churn', ...)`"
    ) %}
    {% for argument, value in arguments.items() if value is undefined %}
        {% do scorehouse._argument_error(
            'scored', argument, value, 'a value; it was not given, or is a Jinja variable that is not defined',
            'quote it if it is a string, or define it with `set` or `var()`'
        ) %}
    {% endfor %}
    {% if scorehouse._is_sql_alone() and (model.config.enabled if model is defined and model.config else true) %}
        {% do scorehouse._warehouse_refuse(scorehouse._warehouse_arguments(arguments)) %}
    {% endif %}
{% endmacro %}


{# Whether `scored` is SQL and Jinja alone on this target. #}
{% macro _is_sql_alone() %}
    {% set is_duckdb = target.type == 'duckdb' and scorehouse._is_dbt2() %}
    {{ return(is_duckdb or target.type in ['postgres', 'snowflake', 'bigquery']) }}
{% endmacro %}


{# A DuckDB transaction can write to only one attached database, so a table and its run log must be in the
   same one. #}
{% macro _check_one_database() %}
    {% set run_log = scorehouse.run_log_relation() %}
    {% do scorehouse._check_facts("materialized='predictions' on the model " ~ model['name'], [
        ((this.database or '') | lower != (run_log.database or '') | lower,
            "its database is '" ~ this.database ~ "', but the run log is in '" ~ run_log.database ~ "'",
            'both in one database, since a DuckDB transaction writes to only one',
            'leave database out of the config, or keep all prediction tables there and set the variable'
                ~ ' scorehouse_run_log_database: ' ~ this.database),
    ]) %}
{% endmacro %}
