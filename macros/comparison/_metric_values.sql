{#- CTEs that end in metric_values: one row per replicate of each `part`, from `drawn`. -#}
{% macro _metric_values(metric, settings) -%}
{%- set kind = 'by_row' if settings.by_row else metric -%}
{%- if kind == 'roc_auc' -%}
{{ scorehouse._auc_values(settings.replicates) }}
{%- else -%}
metric_values as (

    select
        part,
        replicate,
        count(*) as n_rows,
        {{ scorehouse._mean_loss(kind, 'live_score') }} as live_value,
        {{ scorehouse._mean_loss(kind, 'challenger_score') }} as challenger_value
    from drawn
    group by part, replicate

),
{%- endif -%}
{%- endmacro %}


{#- The weighted mean of the metric's loss. -#}
{% macro _mean_loss(metric, score) %}
    {% set loss = score if metric == 'by_row' else scorehouse._row_loss(metric, score, 'label') %}
    {% set mean = 'sum(weight * ' ~ loss ~ ') / nullif(sum(weight), 0)' %}
    {{ return('sqrt(' ~ mean ~ ')' if metric == 'rmse' else mean) }}
{% endmacro %}


{#- Area under the ROC curve: the share of pairs of a positive and a negative row in which the positive
    one has the higher score, ties counting half. The place of a score serves as well as the score. A `cell` is the
    part, the replicate and the version in one number, by which rows are sorted faster than by three. -#}
{% macro _auc_values(replicates) -%}
{%- set draw = '(part * ' ~ (replicates + 1) ~ ' + replicate)' -%}
by_place as (

    select
        cell,
        place,
        count(*) as n_rows,
        sum(weight * label) as positives,
        sum(weight * (1 - label)) as negatives
    from (
        select {{ draw }} * 2 as cell, live_place as place, weight, label from drawn
        where weight > 0
        union all
        select {{ draw }} * 2 + 1 as cell, challenger_place as place, weight, label from drawn
        where weight > 0
    ) as places
    group by cell, place

),

below as (

    select
        *,
        sum(negatives) over (
            partition by cell order by place
            rows between unbounded preceding and current row
        ) - negatives / 2 as negatives_below
    from by_place

),

areas as (

    select
        cell // {{ 2 * (replicates + 1) }} as part,
        cell // 2 % {{ replicates + 1 }} as replicate,
        cell % 2 = 0 as is_live,
        cast(sum(n_rows) as bigint) as n_rows,
        sum(positives * negatives_below) / nullif(sum(positives) * sum(negatives), 0) as area
    from below
    group by cell

),

metric_values as (

    select
        part,
        replicate,
        max(n_rows) as n_rows,
        max(area) filter (is_live) as live_value,
        max(area) filter (not is_live) as challenger_value
    from areas
    group by all

),
{%- endmacro %}


{#- Turns a uniform number into a draw from Poisson(1), by the inverse of its distribution function. -#}
{% macro _poisson_weight(uniform) -%}
    {%- set bounds = [
        '0.36787944117144233e0', '0.73575888234288467e0', '0.91969860292860584e0', '0.98101184312384622e0',
        '0.99634015317265634e0', '0.99940581518241836e0', '0.99991675885071199e0', '0.99998980080332539e0'
    ] -%}
    case
        {%- for bound in bounds %} when {{ uniform }} < {{ bound }} then {{ loop.index0 }}{% endfor %}
        else {{ bounds | length }}
    end
{%- endmacro %}


{#- What the mean of the labels reaches as the score of every row; NULL where that is not known. -#}
{% macro _guess_value(metric, settings) %}
    {% set known = {'mae': 'avg(abs(label - mean_label))', 'rmse': 'stddev_pop(label)'} %}
    {% if not settings.by_row %}
        {% do known.update({
            'brier': 'avg(label) * (1 - avg(label))',
            'log_loss': '-avg(label) * ln(nullif(avg(label), 0)) - (1 - avg(label)) * ln(nullif(1 - avg(label), 0))'
        }) %}
    {% endif %}
    {#- Of labels that are all alike, nothing is worse than they are. #}
    {% set guess = 'case when min(label) < max(label) then ' ~ known.get(metric, 'null') ~ ' end' %}
    {{ return('0.5e0' if metric == 'roc_auc' else guess) }}
{% endmacro %}
