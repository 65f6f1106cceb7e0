{# The materialization `predictions` of databases that have none of their own: SQL alone, or a refusal before anything
   is changed. Not one per adapter, since dbt would use that of PostgreSQL on Redshift, whose SQL differs. #}
{% materialization predictions, default, supported_languages=['sql', 'python'] %}
    {% if target.type not in ['postgres', 'snowflake', 'bigquery'] or model['language'] == 'python' %}
        {% do scorehouse._no_prediction_tables() %}
    {% endif %}
    {{ return(scorehouse._warehouse_predictions()) }}
{% endmaterialization %}
