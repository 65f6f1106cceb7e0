{#- The config of an incremental model in which a window that comes again replaces all of its rows: dbt's default
    strategies would keep both, or match single rows by a key that a window does not have. -#}
{% macro replace_windows(by='window_start') %}
    {{ return(adapter.dispatch('replace_windows', 'scorehouse')(by)) }}
{% endmacro %}

{% macro default__replace_windows(by) %}
    {{ return({'incremental_strategy': 'delete+insert', 'unique_key': by}) }}
{% endmacro %}

{#- https://docs.getdbt.com/reference/resource-configs/spark-configs#the-insert_overwrite-strategy -#}
{% macro spark__replace_windows(by) %}
    {{ return({'incremental_strategy': 'insert_overwrite', 'partition_by': by}) }}
{% endmacro %}

{#- https://docs.getdbt.com/reference/resource-configs/bigquery-configs#the-insert_overwrite-strategy -#}
{% macro bigquery__replace_windows(by) %}
    {% if by != 'window_start' %} {{ return({}) }} {% endif %} {#- a day has several runs -#}
    {% set partitions = {'field': 'window_start', 'data_type': 'timestamp', 'granularity': 'day'} %}
    {{ return({'incremental_strategy': 'insert_overwrite', 'partition_by': partitions}) }}
{% endmacro %}
