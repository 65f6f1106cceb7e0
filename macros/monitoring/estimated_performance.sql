{#- The select of a table of estimates before labels arrive: confidence-based performance estimation (CBPE).
    It trusts the calibrated probability, so it cannot detect concept drift. -#}
{% macro estimated_performance(predictions, calibration=none, day=none, period='month', segments=[], options={}) %}
    {% set call = 'estimated_performance' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% if calibration is not none %}
        {% do scorehouse._check_relation(call, 'calibration', calibration, 'churn_calibration') %}
    {% endif %}
    {% set spec = scorehouse._performance_spec(
        call, none, none, 'classification', day, period, segments, {}, options, false
    ) %}

    {{ return(adapter.dispatch('estimated_performance', 'scorehouse')(predictions, calibration, spec)) }}
{% endmacro %}

{% macro default__estimated_performance(predictions, calibration, spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
with {{ scorehouse._labelled_rows(predictions, none, spec) }},

{%- if calibration is not none %}

{#- Linear interpolation between the means of the bins, constant outside them. -#}
knots as (

    select
        ml_model,
        version,
        mean_score as from_score,
        positive_rate as from_rate,
        lead(mean_score) over (partition by ml_model, version order by mean_score) as to_score,
        lead(positive_rate) over (partition by ml_model, version order by mean_score) as to_rate
    from {{ calibration }}

),

lines as (

    select * from knots
    union all
    select
        ml_model, version, cast('-infinity' as {{ scorehouse._type_double() }}), from_rate, from_score, from_rate
    from (
        select *, row_number() over (partition by ml_model, version order by from_score) as place
        from knots
    ) as first_knots
    where place = 1

),
{%- endif %}

by_score as (

    select {{ g }}, score, yhat, count(*) * 1e0 as n
    from usable
    group by {{ g }}, score, yhat

),

calibrated as (

    select
        {{ 'by_score.' ~ (g | replace(', ', ', by_score.')) }},
        by_score.score,
        by_score.yhat,
        by_score.n,
        {%- if calibration is none %}
        by_score.score as probability
        {%- else %}
        case
            when to_score is null or from_rate = to_rate then from_rate
            else from_rate + (to_rate - from_rate) * (by_score.score - from_score) / (to_score - from_score)
        end as probability
        {%- endif %}
    from by_score
    {%- if calibration is not none %}
    inner join lines
        on by_score.ml_model = lines.ml_model
        and by_score.version = lines.version
        and by_score.score >= lines.from_score
        and (lines.to_score is null or by_score.score < lines.to_score)
    {%- endif %}

),

scores as (

    select {{ g }}, score, sum(n * probability) as pos, sum(n * (1e0 - probability)) as neg
    from calibrated
    group by {{ g }}, score

),

{{ scorehouse._cumulated('scores', g, 'score') }},

ranks as (

    select
        {{ g }},
        {{ scorehouse._roc_auc() }} as estimated_roc_auc
    from cumulated
    group by {{ g }}

),

sums as (

    select
        {{ g }},
        {{ scorehouse._total('n * yhat * probability') }} as tp,
        {{ scorehouse._total('n * yhat * (1e0 - probability)') }} as fp,
        {{ scorehouse._total('n * (1e0 - yhat) * probability') }} as fn,
        {{ scorehouse._total('n * (1e0 - yhat) * (1e0 - probability)') }} as tn
    from calibrated
    group by {{ g }}

),

points as (

    select
        {{ g }},
        tp / nullif(tp + fp, 0e0) as estimated_precision,
        tp / nullif(tp + fn, 0e0) as estimated_recall,
        2e0 * tp / nullif(2e0 * tp + fp + fn, 0e0) as estimated_f1,
        (tp + tn) / nullif(tp + fp + fn + tn, 0e0) as estimated_accuracy,
        (tp + fn) / nullif(tp + fp + fn + tn, 0e0) as estimated_positive_rate
    from sums

),

metric_rows as (

    {{ scorehouse._unpivot_metrics('ranks', ['estimated_roc_auc']) }}
    union all
    {{ scorehouse._unpivot_metrics('points', [
        'estimated_precision', 'estimated_recall', 'estimated_f1', 'estimated_accuracy', 'estimated_positive_rate'
    ]) }}

),

final as (

    select
        cast(null as {{ dbt.type_string() }}) as run_id,
        cohorts.ml_model,
        cast(cohorts.version as {{ dbt.type_int() }}) as version,
        cast(null as {{ dbt.type_string() }}) as feature,
        cohorts.segment,
        metric_rows.metric,
        cohorts.window_start,
        cohorts.window_end,
        metric_rows.value,
        cast(null as {{ scorehouse._type_double() }}) as threshold,
        case when metric_rows.value is null then 'undefined' else 'estimate' end as status,
        cast(cohorts.n_scored as {{ dbt.type_bigint() }}) as n_reference,
        cast(cohorts.n_usable as {{ dbt.type_bigint() }}) as n_current
    from cohorts
    inner join metric_rows
        on {{ scorehouse._same_cohort('cohorts', 'metric_rows') }}

)

select * from final
{% endmacro %}
