{# A table of the run next to its prediction table. #}
{% macro _warehouse_beside(suffix, is_temporary=false) %}
    {{ return(adapter.dispatch('_warehouse_beside', 'scorehouse')(suffix, is_temporary)) }}
{% endmacro %}

{% macro default___warehouse_beside(suffix, is_temporary) %}
    {{ return(scorehouse._beside(this, suffix)) }}
{% endmacro %}

{# names are limited to 63 bytes, which these functions know #}
{% macro postgres___warehouse_beside(suffix, is_temporary) %}
    {{ return(make_temp_relation(this, suffix) if is_temporary
        else make_intermediate_relation(this.incorporate(type='table'), suffix)) }}
{% endmacro %}
