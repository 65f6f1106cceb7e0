{# A DuckDB transaction can write to only one attached database, so a table and its run log must be in the
   same one. #}
{% macro _check_one_database() %}
    {% set run_log = scorehouse.run_log_relation() %}
    {% if (this.database or '') | lower != (run_log.database or '') | lower %}
        {% do scorehouse._fail(
            "materialized='predictions' on the model " ~ model['name'],
            "its database is '" ~ this.database ~ "', but the run log is in '" ~ run_log.database ~ "'",
            'both in one database, since a DuckDB transaction writes to only one',
            'leave database out of the config, or keep all prediction tables there and set the variable'
                ~ ' scorehouse_run_log_database: ' ~ this.database
        ) %}
    {% endif %}
{% endmacro %}
