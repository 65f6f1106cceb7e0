{% test no_attribution_drift(model, segments=false, latest=true) %}
    {{ config(severity='warn') }}
    {% set call = 'no_attribution_drift' %}
    {% do scorehouse._check_bool(call, 'segments', segments) %}
    {% do scorehouse._check_bool(call, 'latest', latest) %}

{#- Windows in which other features drive the scores than in the reference window. -#}
with measured as (

    {{ scorehouse._latest_rows(model, latest) }}

)

select * from measured
where status = 'drift'
    {%- if not segments %}
    and segment = 'all'
    {%- endif %}
{% endtest %}
