{# Scoring from a SQL model: one line above a select of features turns the model into a prediction table. It
   sets the materialization and adds the edge to the registry; both take effect when dbt parses. #}
{% macro scored(
    name,
    key,
    alias='champion',
    version=none,
    passthrough=[],
    group=none,
    rescore='all',
    strict=[],
    max_rejected_share=none,
    batch_rows=none,
    as_of=none,
    decision=none,
    backend='auto',
    layout='long',
    reasons=none
) %}
    {%- set arguments = {
        'key': key,
        'alias': alias,
        'version': version,
        'passthrough': passthrough,
        'group': group,
        'rescore': rescore,
        'strict': strict,
        'max_rejected_share': max_rejected_share,
        'batch_rows': batch_rows,
        'as_of': as_of,
        'decision': decision,
        'backend': backend,
        'layout': layout,
        'reasons': reasons,
    } -%}
    {%- do arguments.update(kwargs) -%} {#- an unknown name is refused, with the nearest known one -#}
    {%- do scorehouse._check_scored(name, arguments) -%}
    {%- do ref('ml_' ~ name) -%}
    {%- do scorehouse._note_functions(name, version) -%}
    {{- config(
        materialized='predictions',
        meta={'scorehouse': {'ml_model': name, 'arguments': arguments}}
    ) -}}
{% endmacro %}
