{# The materialization `predictions` where no Python runs. #}
{% materialization predictions, adapter='postgres', supported_languages=['sql'] %}
    {{ return(scorehouse._warehouse_predictions()) }}
{% endmaterialization %}

{% materialization predictions, adapter='snowflake', supported_languages=['sql'] %}
    {{ return(scorehouse._warehouse_predictions()) }}
{% endmaterialization %}

{% materialization predictions, adapter='bigquery', supported_languages=['sql'] %}
    {{ return(scorehouse._warehouse_predictions()) }}
{% endmaterialization %}
