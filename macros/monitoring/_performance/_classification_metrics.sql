{#- CTEs with a column for each metric of two classes. -#}
{% macro _classification_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{#- `avg` of whole numbers is exact in any order. -#}
{% set positive_rate = scorehouse._weighted_mean('y', spec) if spec.weight else 'avg(y)' %}
{{ scorehouse._cumulated_rows('usable', g, 'score', 'y', spec) }},

ranks as (

    select
        {{ g }},
        {{ scorehouse._roc_auc() }} as roc_auc,
        {{ scorehouse._auc_error(['pos_squares', 'neg_squares'] if spec.weight else ['pos', 'neg']) }} as roc_auc_error,
        case when max(all_pos) > 0e0 then
            {{ scorehouse._total('pos * (cum_pos / (cum_pos + cum_neg))') }} / max(all_pos)
        end as average_precision,
        max(abs(cum_pos / nullif(all_pos, 0e0) - cum_neg / nullif(all_neg, 0e0))) as score_ks,
        nullif(max(all_pos), 0e0) as n_pos,
        nullif(max(all_neg), 0e0) as n_neg,
        nullif(least(max(all_pos), max(all_neg)), 0e0) as n_side
    from cumulated
    group by {{ g }}

),

points as (

    select
        {{ g }},
        {{ scorehouse._row_weights(spec) }} as n,
        {{ 'max(weight_scale)' if spec.weight else '1e0' }} as weight_scale,
        {%- for name in ['log_loss', 'brier'] %}
        {{ scorehouse._weighted_mean(scorehouse._row_loss(name, 'score', 'y'), spec) }} as {{ name }},
        {{ scorehouse._weighted_deviation(scorehouse._row_loss(name, 'score', 'y'), spec) }} as {{ name }}_deviation,
        max({{ scorehouse._row_loss(name, 'score', 'y') }}) as {{ name }}_largest,
        {%- endfor %}
        sum({{ scorehouse._weighted('yhat * y', spec) }}) as tp,
        sum({{ scorehouse._weighted('yhat * (1e0 - y)', spec) }}) as fp,
        sum({{ scorehouse._weighted('(1e0 - yhat) * y', spec) }}) as fn,
        sum({{ scorehouse._weighted('(1e0 - yhat) * (1e0 - y)', spec) }}) as tn,
        {%- for name, of_row in [('mean_score', 'score'), ('bias', 'score - y')] %}
        {{ scorehouse._weighted_mean(of_row, spec) }} as {{ name }},
        {{ scorehouse._weighted_deviation(of_row, spec) }} as {{ name }}_deviation,
        {%- endfor %}
        {%- for share, of_row in [
            ('accuracy', 'case when yhat = y then 1 else 0 end'), ('precision', 'case when yhat = 1 then y end'),
            ('recall', 'case when y = 1 then yhat end'), ('false_positive_rate', 'case when y = 0 then yhat end'),
            ('f1', 'case when y = 1 or yhat = 1 then y * yhat end'), ('positive_rate', 'y'), ('selection_rate', 'yhat')
        ] %}
        {{ scorehouse._rows_of_share(of_row, spec) }} as {{ share }}_rows,
        {%- endfor %}
        {{ positive_rate }} as positive_rate
    from usable
    group by {{ g }}

),

rates as (

    select
        *,
        (tp + fp) / n as selection_rate,
        fp / nullif(fp + tn, 0e0) as false_positive_rate,
        case when tp + fp > 0e0 then tp / (tp + fp) else 0e0 end as precision_value,
        case when tp + fn > 0e0 then tp / (tp + fn) else 0e0 end as recall,
        case when 2e0 * tp + fp + fn > 0e0 then 2e0 * tp / (2e0 * tp + fp + fn) else 0e0 end as f1,
        (tp + tn) / (tp + fp + fn + tn) as accuracy,
        case when (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn) > 0e0
            then (tp * tn - fp * fn) / (sqrt((tp + fp) * (tp + fn)) * sqrt((tn + fp) * (tn + fn)))
            else 0e0 end as mcc
    from points

),

{#- The error of a correlation in a table of two by two: Bishop, Fienberg and Holland (1975), 11.3. -#}
{% set predicted, labelled = '(tp + fp - fn - tn)', '(tp + fn - fp - tn)' %}
{% set of_predicted, of_labelled = '((tp + fp) * (fn + tn))', '((tp + fn) * (fp + tn))' %}
at_threshold as (

    select
        *,
        case when {{ of_predicted }} > 0e0 and {{ of_labelled }} > 0e0 then sqrt(greatest(0e0, 1e0 - mcc * mcc
            + (mcc + mcc * mcc * mcc / 2e0) * {{ predicted }} * {{ labelled }}
                / (sqrt({{ of_predicted }}) * sqrt({{ of_labelled }}))
            - 0.75e0 * mcc * mcc * ({{ predicted }} * {{ predicted }} / {{ of_predicted }}
                + {{ labelled }} * {{ labelled }} / {{ of_labelled }})
        ) / n) else 1e3 end as mcc_error  {# of labels or predictions of one class, nothing is known #}
    from rates

),

{#- Bins of calibration: (lower, upper], the first closed. -#}
calibration_bins as (

    select
        {{ g }},
        {{ scorehouse._tenth('score') }} as bin,
        {{ scorehouse._row_weights(spec) }} as n,
        {{ scorehouse._weighted_mean('score', spec) }} as mean_score,
        {{ positive_rate }} as positive_rate,
        {{ scorehouse._weighted_mean('score * (1e0 - score)', spec) }} / {{ scorehouse._row_weights(spec) }}
            as chance_variance
    from usable
    group by {{ g }}, {{ scorehouse._tenth('score') }}

),

calibration as (

    select
        {{ g }},
        {{ scorehouse._total('n * abs(mean_score - positive_rate)') }} / sum(n) as ece,
        max(abs(mean_score - positive_rate)) as mce,
        {#- What a perfectly calibrated score has: the mean of a half-normal error in each bin. #}
        {{ scorehouse._total('n * sqrt(chance_variance * 0.63661977236758134e0)') }} / sum(n) as ece_by_chance,
        {#- Half-normal near 0, the deviation is that of the normal distribution far from it. #}
        sqrt({{ scorehouse._total('n * n * (variance - 0.63661977236758134e0 * coalesce(variance * variance'
            ~ ' / nullif(variance + power(mean_score - positive_rate, 2), 0e0), 0e0))') }}) / sum(n) as ece_error
    from (
        {#- of the rate that was promised or that was found, with a label more as promised: the larger #}
        select
            *,
            greatest(
                chance_variance,
                (positive_rate * n + mean_score) * (n + 1e0 - positive_rate * n - mean_score) / power(n + 1e0, 2) / n
            ) as variance
        from calibration_bins
    ) as varying
    group by {{ g }}

),

{#- Tied scores are spread over the deciles that they lie in, in proportion. -#}
decile_parts as (

    select
        {{ g }},
        decile,
        all_pos,
        all_neg,
        pos / (pos + neg) * greatest(0e0,
            least(cum_pos + cum_neg, decile * (all_pos + all_neg) / 10e0)
            - greatest(cum_pos + cum_neg - pos - neg, (decile - 1) * (all_pos + all_neg) / 10e0)
        ) as pos_in_decile
    from cumulated
    cross join (
        {{ scorehouse._given_numbers('decile', 10) }}
    ) as deciles
    where cum_pos + cum_neg > (decile - 1) * (all_pos + all_neg) / 10e0
        and cum_pos + cum_neg - pos - neg < decile * (all_pos + all_neg) / 10e0

),

lifts as (

    select
        {{ g }},
        cast(decile as {{ dbt.type_string() }}) as decile_text,
        case when max(all_pos) > 0e0 then 10e0 * {{ scorehouse._total('pos_in_decile') }} / max(all_pos) end as lift
    from decile_parts
    group by {{ g }}, decile

),

counts as (

    select
        {{ g }}
        {%- for name in ['tp', 'fp', 'fn', 'tn'] %},
        {{ name }} / weight_scale as {{ name }}
        {%- endfor %}
    from points

)
{%- endmacro %}


{#- The tenth of the unit interval, 1 to 10, with numpy's edges; 0 and lower values are in the first. -#}
{% macro _tenth(score) -%}
    1{% for edge in ['0.1e0', '0.2e0', '3 * 0.1e0', '0.4e0', '0.5e0', '6 * 0.1e0', '7 * 0.1e0', '0.8e0', '0.9e0'] %}
        + case when {{ score }} > {{ edge }} then 1 else 0 end{% endfor %}
{%- endmacro %}
