{#- dbt's own `is_incremental`; false when a macro runs outside a model. -#}
{% macro _is_incremental_run() %}
    {{ return(model is defined and model.resource_type == 'model' and is_incremental()) }}
{% endmacro %}
