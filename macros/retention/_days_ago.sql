{#- SQL of the time a given number of days ago, in UTC. -#}
{% macro _days_ago(days) %}
    {{ return(dbt.dateadd('second', -((days * 86400) | round | int), scorehouse._utc_now())) }}
{% endmacro %}
