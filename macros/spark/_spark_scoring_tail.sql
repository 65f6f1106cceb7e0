{# The code that a notebook or a session runs after the model is defined. #}
{% macro _spark_scoring_tail() %}
{%- set agreed = model['columns'].values() -%}
{%- set storage = {
    'file_format': config.get('file_format'),
    'partition_by': config.get('partition_by'),
    'options': config.get('options'),
    'location_root': config.get('location_root'),
    'strategy': config.get('incremental_strategy'),
    'contract': dict(zip(agreed | map(attribute='name'), agreed | map(attribute='data_type', default='')))
        if config.get('contract').enforced else none,
} %}


from scorehouse.api import write as scorehouse_write

scorehouse_write(model(dbtObj(spark.table), spark), {{ storage }})
{% endmacro %}
