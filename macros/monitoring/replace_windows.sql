{#- The config of an incremental model in which a window that comes again replaces all of its rows: dbt's default
    strategies would keep both, or match single rows by a key that a window does not have. On BigQuery, a day has
    several runs.
    https://docs.getdbt.com/reference/resource-configs/spark-configs#the-insert_overwrite-strategy
    https://docs.getdbt.com/reference/resource-configs/bigquery-configs#the-insert_overwrite-strategy -#}
{% macro replace_windows(by='window_start') %}
    {% set days = {'field': 'window_start', 'data_type': 'timestamp', 'granularity': 'day'} %}
    {{ return(scorehouse._by_database({
        'default': {'incremental_strategy': 'delete+insert', 'unique_key': by},
        'spark': {'incremental_strategy': 'insert_overwrite', 'partition_by': by},
        'bigquery': {'incremental_strategy': 'insert_overwrite', 'partition_by': days} if by == 'window_start' else {},
    })) }}
{% endmacro %}
