{#- The settings of compare_metric, with defaults; an unknown one is refused. -#}
{% macro _metric_settings(call, settings, metric) %}
    {% set used = {
        'score': 'prediction' if metric in ['rmse', 'mae'] else 'score',
        'positive': 1,
        'replicates': 200,
        'confidence': 0.95,
        'seed': 0,
    } %}
    {% set unknown = settings.keys() | reject('in', used.keys()) | list if settings is mapping else ['?'] %}
    {% if unknown %}
        {% do scorehouse._argument_error(
            call, 'settings', settings,
            'a mapping with keys among ' ~ used.keys() | join(', '), 'write `settings: {replicates: 500}`'
        ) %}
    {% endif %}
    {% do used.update(settings) %}
    {% for name, low, high in [('replicates', 20, 10000), ('confidence', 0.5, 0.999), ('seed', 0, 1000000000)] %}
        {% do scorehouse._check_number(
            call, 'settings.' ~ name, used[name], 'correct `' ~ name ~ '` in settings', lowest=low, highest=high
        ) %}
    {% endfor %}
    {{ return(used) }}
{% endmacro %}


{#- The label as a number: 1 for the positive class, 0 for the other, the value itself in a regression. -#}
{% macro _label_value(label, metric, positive) -%}
    {%- if metric in ['rmse', 'mae'] -%}
    cast({{ label }} as {{ scorehouse._type_double() }})
    {%- else -%}
    {%- set wanted = dbt.string_literal(dbt.escape_single_quotes(positive)) if positive is string else positive -%}
    case when {{ label }} = {{ wanted }} then 1e0 else 0e0 end
    {%- endif -%}
{%- endmacro %}


{#- A draw from Poisson(1) out of a uniform number: its distribution function, inverted. -#}
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


{#- CTEs that end in metric_values: a row a challenger and replicate, from `drawn`. -#}
{% macro _metric_values(metric) -%}
{%- if metric == 'roc_auc' -%}
{{ scorehouse._auc_values() }}
{%- else -%}
{%- set loss = {
    'brier': 'power(SCORE - label, 2)',
    'rmse': 'power(SCORE - label, 2)',
    'mae': 'abs(SCORE - label)',
    'log_loss': "-(label * ln(greatest(SCORE, 1e-15)) + (1 - label) * ln(greatest(1 - SCORE, 1e-15)))",
}[metric] -%}
{%- set mean = 'sqrt(sum(weight * LOSS) / nullif(sum(weight), 0))' if metric == 'rmse'
    else 'sum(weight * LOSS) / nullif(sum(weight), 0)' -%}
metric_values as (

    select
        model_alias,
        live_version,
        challenger_version,
        replicate,
        count(*) as n_rows,
        {{ mean.replace('LOSS', loss.replace('SCORE', 'live_score')) }} as live_value,
        {{ mean.replace('LOSS', loss.replace('SCORE', 'challenger_score')) }} as challenger_value
    from drawn
    group by model_alias, live_version, challenger_version, replicate

),
{%- endif -%}
{%- endmacro %}


{#- Area under the ROC curve: the share of pairs of a positive and a negative row in which the positive
    one has the higher score, ties counting half. -#}
{% macro _auc_values() -%}
both_scores as (

    select *, 'live' as side, live_score as score from drawn where weight > 0
    union all
    select *, 'challenger' as side, challenger_score as score from drawn where weight > 0

),

by_score as (

    select
        model_alias,
        live_version,
        challenger_version,
        replicate,
        side,
        score,
        count(*) as n_rows,
        sum(weight * label) as positives,
        sum(weight * (1 - label)) as negatives
    from both_scores
    group by all

),

below as (

    select
        *,
        sum(negatives) over (
            partition by model_alias, replicate, side order by score
            rows between unbounded preceding and current row
        ) - negatives / 2 as negatives_below
    from by_score

),

areas as (

    select
        model_alias,
        live_version,
        challenger_version,
        replicate,
        side,
        cast(sum(n_rows) as bigint) as n_rows,
        sum(positives * negatives_below) / nullif(sum(positives) * sum(negatives), 0) as area
    from below
    group by all

),

metric_values as (

    select
        model_alias,
        live_version,
        challenger_version,
        replicate,
        max(n_rows) as n_rows,
        max(area) filter (side = 'live') as live_value,
        max(area) filter (side = 'challenger') as challenger_value
    from areas
    group by all

),
{%- endmacro %}
