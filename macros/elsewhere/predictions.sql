{# The materialization `predictions` where there is none: it says so before anything is touched. Without the
   second, dbt would take PostgreSQL's for Redshift, whose SQL differs. #}
{% materialization predictions, default, supported_languages=['sql', 'python'] %}
    {% do scorehouse._no_prediction_tables() %}
{% endmaterialization %}

{% materialization predictions, adapter='redshift', supported_languages=['sql', 'python'] %}
    {% do scorehouse._no_prediction_tables() %}
{% endmaterialization %}
