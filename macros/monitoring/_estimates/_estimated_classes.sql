{#- CTEs that end in `estimates`: the metrics of a classification as expected from calibrated probabilities (CBPE).
    More than two classes are estimated one by one, and then averaged. -#}
{% macro _estimated_classes(calibration, spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set c = g ~ ', class_label' %}
{% set keys = c.split(', ') %}
{% set names = ['roc_auc', 'precision', 'recall', 'f1', 'positive_rate', 'accuracy'] %}
class_rows as (
    {%- for label in spec.classes %}
    {%- set name = scorehouse._text_literal(scorehouse._class_text(label)) %}

    select
        {{ g }}, {{ name }} as class_label, score_{{ loop.index0 }} as score,
        case when yhat = {{ name }} then 1e0 else 0e0 end as yhat
    from usable
    {{ 'union all' if not loop.last }}
    {%- else %}

    select {{ g }}, '' as class_label, score, yhat
    from usable
    {%- endfor %}

),

by_score as (

    select {{ c }}, score, yhat, count(*) * 1e0 as n
    from class_rows
    group by {{ c }}, score, yhat

),

{{ scorehouse._calibrated(calibration, c) }},

scores as (

    select {{ c }}, score, sum(n * probability) as pos, sum(n * (1e0 - probability)) as neg
    from calibrated
    group by {{ c }}, score

),

{{ scorehouse._cumulated('scores', c, 'score') }},

ranks as (

    select
        {{ c }},
        {{ scorehouse._roc_auc() }} as roc_auc
    from cumulated
    group by {{ c }}

),

sums as (

    select
        {{ c }},
        {{ scorehouse._total('n * yhat * probability') }} as tp,
        {{ scorehouse._total('n * yhat * (1e0 - probability)') }} as fp,
        {{ scorehouse._total('n * (1e0 - yhat) * probability') }} as fn,
        {{ scorehouse._total('n * (1e0 - yhat) * (1e0 - probability)') }} as tn
    from calibrated
    group by {{ c }}

),

points as (

    select
        {{ 'sums.' ~ (c | replace(', ', ', sums.')) }},
        ranks.roc_auc,
        tp / nullif(tp + fp, 0e0) as class_precision,
        tp / nullif(tp + fn, 0e0) as recall,
        2e0 * tp / nullif(2e0 * tp + fp + fn, 0e0) as f1,
        (tp + fn) / nullif(tp + fp + fn + tn, 0e0) as positive_rate,
        {{ 'tp' if spec.classes else '(tp + tn)' }} / nullif(tp + fp + fn + tn, 0e0) as accuracy,
        nullif(tp + fp, 0e0) as n_predicted,
        nullif(tp + fn, 0e0) as n_positive,
        nullif(fp + tn, 0e0) as n_negative,
        nullif(tp + fp + fn + tn, 0e0) as n_rows
    from sums
    inner join ranks
        on {{ scorehouse._same('sums', 'ranks', keys) }}

),

{#- Of each score: positives that are ranked above it, and negatives below, ties counting half. By windows, since
    PostgreSQL expects one row of a join on so many columns, and would compare each score with all. -#}
{% set pos, neg = 'n * probability', 'n * (1e0 - probability)' %}
{% set up_to = 'order by score desc range between unbounded preceding and current row' %}
surrounded as (

    select
        *,
        sum({{ pos }}) over (partition by {{ c }} {{ up_to }})
            - sum({{ pos }}) over (partition by {{ c }}, score) / 2e0 as pos_above,
        sum({{ neg }}) over (partition by {{ c }}) - sum({{ neg }}) over (partition by {{ c }} {{ up_to }})
            + sum({{ neg }}) over (partition by {{ c }}, score) / 2e0 as neg_below
    from calibrated

),

{#- By how much each metric changes with the probability of a row. -#}
slopes as (

    select
        {{ 'surrounded.' ~ (c | replace(', ', ', surrounded.')) }},
        line, n, probability, line_variance,
        (neg_below - pos_above) / (n_positive * n_negative)
            - roc_auc * (1e0 / n_positive - 1e0 / n_negative) as roc_auc_slope,
        yhat / n_predicted as precision_slope,
        (yhat - recall) / n_positive as recall_slope,
        (2e0 * yhat - f1) / (n_predicted + n_positive) as f1_slope,
        1e0 / n_rows as positive_rate_slope,
        {{ 'yhat' if spec.classes else '(2e0 * yhat - 1e0)' }} / n_rows as accuracy_slope
    from surrounded
    inner join points
        on {{ scorehouse._same('surrounded', 'points', keys) }}

),

lines_of_error as (

    select
        {{ c }}, line,
        {%- for name in names %}
        {{ scorehouse._total('n * ' ~ name ~ '_slope * ' ~ name ~ '_slope * probability * (1e0 - probability)') }}
            + max(line_variance) * {{ scorehouse._total('n * ' ~ name ~ '_slope') }}
            * {{ scorehouse._total('n * ' ~ name ~ '_slope') }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from slopes
    group by {{ c }}, line

),

errors as (

    select
        {{ c }}
        {%- for name in names %},
        sqrt({{ scorehouse._total(name) }}) as {{ name }}_error
        {%- endfor %}
    from lines_of_error
    group by {{ c }}

),

estimated as (

    select
        points.*
        {%- for name in names %},
        errors.{{ name }}_error
        {%- endfor %}
    from points
    inner join errors
        on {{ scorehouse._same('points', 'errors', keys) }}

),

estimates as (

    {{ scorehouse._estimated_rows(names, spec.classes) }}

)
{%- endmacro %}


{#- The CTE `calibrated`: the probability of each score, the line of the calibration that gives it, and the variance
    of that line, which comes from few labels. -#}
{% macro _calibrated(calibration, c) %}
{%- if calibration is not none %}
{#- Linear interpolation between the means of the bins, constant outside them. -#}
knots as (

    select
        ml_model,
        version,
        coalesce(class_label, '') as class_label,
        mean_score as from_score,
        positive_rate as from_rate,
        positive_rate * (1e0 - positive_rate) / n_labelled as line_variance,
        lead(mean_score) over (partition by ml_model, version, class_label order by mean_score) as to_score,
        lead(positive_rate) over (partition by ml_model, version, class_label order by mean_score) as to_rate,
        row_number() over (partition by ml_model, version, class_label order by mean_score) as line
    from {{ calibration }}

),

lines as (

    select * from knots
    union all
    select
        ml_model, version, class_label, cast('-infinity' as {{ scorehouse._type_double() }}), from_rate,
        line_variance, from_score, from_rate, 0
    from knots
    where line = 1

),
{%- endif %}

calibrated as (

    select
        {{ 'by_score.' ~ (c | replace(', ', ', by_score.')) }},
        by_score.score,
        by_score.yhat,
        by_score.n,
        {%- if calibration is none %}
        0 as line,
        0e0 as line_variance,
        by_score.score as probability
        {%- else %}
        lines.line,
        lines.line_variance,
        case
            when to_score is null or from_rate = to_rate then from_rate
            else from_rate + (to_rate - from_rate) * (by_score.score - from_score) / (to_score - from_score)
        end as probability
        {%- endif %}
    from by_score
    {%- if calibration is not none %}
    inner join lines
        on {{ scorehouse._same('by_score', 'lines', ['ml_model', 'version', 'class_label']) }}
        and by_score.score >= lines.from_score
        and (lines.to_score is null or by_score.score < lines.to_score)
    {%- endif %}

)
{%- endmacro %}


{#- Selects of metrics with their intervals, which end at 0 and 1. Of several classes, each has its own, and the model
    their means; the error of a mean is at most the mean of the errors. -#}
{% macro _estimated_rows(names, classes) %}
    {%- set rows, means = [], {'roc_auc': 'roc_auc_ovr'} %}
    {%- for name in names if not classes or name not in ['accuracy', 'positive_rate'] %}
        {%- set column, error = 'class_precision' if name == 'precision' else name, name ~ '_error' %}
        {%- if not classes %}
            {%- do rows.append(["'estimated_" ~ name ~ "'", column, error, false]) %}
        {%- else %}
            {%- do rows.append(["'estimated_" ~ name ~ "_of_' || class_label", column, error, false]) %}
            {%- set mean = "'estimated_" ~ means.get(name, 'macro_' ~ name) ~ "'" %}
            {%- do rows.append([mean, 'avg(' ~ column ~ ')', 'avg(' ~ error ~ ')', true]) %}
        {%- endif %}
    {%- endfor %}
    {%- if classes %}
        {%- set error = 'sqrt(sum(accuracy_error * accuracy_error))' %}
        {%- do rows.append(["'estimated_accuracy'", 'sum(accuracy)', error, true]) %}
    {%- endif %}
    {%- for metric, value, error, is_mean in rows %}
    select
        ml_model, version, segment, window_start,
        {{ metric }} as metric,
        {{ value }} as value,
        greatest(0e0, {{ value }} - 1.959963984540054e0 * {{ error }}) as value_low,
        least(1e0, {{ value }} + 1.959963984540054e0 * {{ error }}) as value_high
    from estimated
    {{ 'group by ml_model, version, segment, window_start' if is_mean }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
