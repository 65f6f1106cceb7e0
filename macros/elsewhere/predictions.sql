{# The materialization `predictions` for databases that do not support it: it stops before it changes
   anything. Without the second macro, dbt would use PostgreSQL's materialization on Redshift, whose SQL
   differs. #}
{% materialization predictions, default, supported_languages=['sql', 'python'] %}
    {% do scorehouse._no_prediction_tables() %}
{% endmaterialization %}

{% materialization predictions, adapter='redshift', supported_languages=['sql', 'python'] %}
    {% do scorehouse._no_prediction_tables() %}
{% endmaterialization %}
