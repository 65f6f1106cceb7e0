{#- dbt's own `is_incremental`, and false where a macro runs outside a model. -#}
{% macro _is_incremental_run() %}
    {{ return(model is defined and model.resource_type == 'model' and is_incremental()) }}
{% endmacro %}
