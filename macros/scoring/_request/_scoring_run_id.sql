{# The id of a scoring run, a UUID: the same for everything in one pass of a model. #}
{% macro _scoring_run_id(pass, node=none) %}
    {% set digest = local_md5(invocation_id ~ '|' ~ (node or model['unique_id']) ~ '|' ~ pass) %}
    {{ return([digest[0:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]] | join('-')) }}
{% endmacro %}
