{# Opens the transaction of a run, if the adapter keeps one over several statements. #}
{% macro _warehouse_begin() %}
    {% do adapter.dispatch('_warehouse_begin', 'scorehouse')() %}
{% endmacro %}

{% macro default___warehouse_begin() %}
{% endmacro %}

{# begin: after a commit in the same model, psycopg2 does not open a transaction by itself. jit: compiling such
   expressions at run time takes longer than it saves #}
{% macro postgres___warehouse_begin() %}
    {% call statement('open_transaction') %} begin; set local jit = off {% endcall %}
{% endmacro %}
