{% test challenger_not_worse(
    model, labels, key, label, challenger='challenger', metric='roc_auc', margin=0.01, min_rows=100, settings={},
    registry=none, segments=[], gain=none, floor=none
) %}
    {% set call = 'challenger_not_worse' %}
    {% do scorehouse._check_relation(call, 'model', model, 'churn_shadow') %}
    {% set outputs = scorehouse._compared_outputs(call, label, '') %}
    {% set margins = scorehouse._allowed_margins(call, margin, outputs) %}
    {% do scorehouse._check_number(
        call, 'min_rows', min_rows, 'write the number of labelled rows to ask for, such as 1000', lowest=1
    ) %}
    {% do scorehouse._check_number(
        call, 'gain', gain, 'write how much better the challenger has to be, such as 0.002', lowest=0, optional=true
    ) %}
    {% do scorehouse._check_number(
        call, 'floor', floor, 'write the worst value of the metric to accept, such as 0.6', optional=true
    ) %}
    {% do scorehouse._check_text(
        call, 'challenger', challenger, 'the alias of the challenger', 'write `challenger: challenger`'
    ) %}
    {% do scorehouse._check_relation(call, 'registry', registry, 'ml_churn', optional=true) %}
    {#- What is not judged warns: it neither passes, as if it had been judged, nor stops a build. #}
    {{ config(warn_if='!= 0', error_if='> count(not_judged)') }}
    {% set alias, text = scorehouse._text_literal(challenger), dbt.type_string() %}
    {% set missing = scorehouse._why_not_judged(call, model, challenger, registry) %}
    {% if missing %}
        {% do exceptions.warn(call ~ ' on ' ~ (model.identifier or model) ~ ' is not judged: ' ~ missing) %}

select
    {{ alias }} as challenger,
    cast('not_judged' as {{ text }}) as problem,
    cast({{ scorehouse._text_literal(missing) }} as {{ text }}) as not_judged
    {% else %}
    {% set several = outputs | length > 1 %}
    {% set fewest = scorehouse._metric_settings(call, settings, metric).segment_rows %}

with comparison as materialized (

    select * from (
        {{ scorehouse.compare_metric(model, labels, key, label, metric, settings, segments) }}
    ) as compared
    where model_alias = {{ alias }}

),

asked as (

    {% for asked in margins -%}
    select
        {{ alias }} as challenger,
        {{ scorehouse._text_literal(asked.name) }} as asked_output,
        {{ scorehouse._double_literal(asked.margin) }} as margin
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

judged_whole as (

    select
        asked.challenger,
        {{- '\n        asked.asked_output as output,' if outputs[0].name }}
        comparison.*{{ ' exclude (output)' if outputs[0].name }},
        asked.margin,
        {#- `>=` is false for NULL: a difference that cannot be measured does not pass #}
        case
            when not {{ scorehouse._has_challenger(model, challenger) }} then 'not_compared'
            when coalesce(comparison.n_rows, 0) < {{ min_rows }} then 'too_few_rows'
            when comparison.difference_low is null or comparison.difference_low < -asked.margin then 'worse'
            {#- However bad the champion is. What guessing reaches is uncertain, but for the area of a ROC curve. #}
            {%- set worst = scorehouse._double_literal(floor) if floor is not none else 'comparison.guess_value' %}
            {%- set own = 'value' if floor is not none or metric == 'roc_auc' else 'best' %}
            {%- set is_higher = 'higher' in scorehouse._metrics().contests[metric] %}
            when comparison.challenger_{{ own }} {{ '<' if is_higher else '>' }} {{ worst }} then 'below_floor'
            {%- if gain is not none %}
            {#- The mean decides whether there is a gain; without several outputs, the only row. #}
            when comparison.difference_low < {{ scorehouse._double_literal(gain) }}
                {{- " and asked.asked_output = '(mean)'" if several }} then 'no_gain'
            {%- endif %}
        end as problem
    from asked
    left join comparison
        on asked.challenger = comparison.model_alias
        {{- '\n        and asked.asked_output = comparison.output' if outputs[0].name }}
        {{- "\n        and comparison.segment = 'all'" if segments }}

),

{%- if segments %}

{#- A segment stands in the way only if it is certainly worse: with few rows, every interval is wide. #}
judged_segments as (

    select
        asked.challenger,
        comparison.*,
        asked.margin,
        comparison.n_rows >= {{ fewest }} as is_judged,
        case
            when comparison.n_rows >= {{ fewest }} and comparison.difference_high < -asked.margin then 'segment_worse'
        end as problem
    from comparison
    inner join asked
        on {{ 'comparison.output = asked.asked_output' if outputs[0].name else 'true' }}
    where comparison.segment <> 'all'
        {{- "\n        and asked.asked_output = '(mean)'" if several }}

),
{%- endif %}

judged as (

    select *, cast(null as {{ text }}) as not_judged from judged_whole
    {%- if segments %}
    union all by name
    select * from judged_segments
    {%- endif %}

),

{{ scorehouse._problems_of('judged') }}
    {% endif %}
{% endtest %}
