{#- The select of a monitor that need not wait for labels to mature: the scores of all rows of a window say what is
    promised, and the labels that are there by how much it is wrong (prediction-powered inference, Angelopoulos and
    others 2023). However often one looks, at most `alpha` of unchanged ML models ever raise an alert. -#}
{% macro prediction_powered_monitor(
    predictions, labels, key, label, limits, day=none, period='day', segments=[], alpha=0.05, options={}
) %}
    {% set call = 'prediction_powered_monitor' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% do scorehouse._check_share(call, 'alpha', alpha, 'write a share, such as 0.05') %}
    {#- Of a row: what its score promises, and what its label says. -#}
    {% set promised = {
        'accuracy': 'case when yhat = 1e0 then score else 1e0 - score end', 'brier': 'score * (1e0 - score)',
        'positive_rate': 'score'
    } %}
    {% set found = {
        'accuracy': 'case when yhat = y then 1e0 else 0e0 end', 'brier': scorehouse._row_loss('brier', 'score', 'y'),
        'positive_rate': 'y'
    } %}
    {% set example = "write `limits: {'accuracy': 0.7}`" %}
    {% if limits is not mapping or not limits %}
        {% do scorehouse._argument_error(call, 'limits', limits, 'limits by metric', example) %}
    {% endif %}
    {% for metric, limit in limits.items() %}
        {% do scorehouse._check_choice(call, 'limits', metric, promised | list, 'accuracy') %}
        {% do scorehouse._check_share(call, 'limits', limit, example) %}
    {% endfor %}
    {% set own = [
        'design_effect', 'label_time', 'score', 'prediction', 'positive', 'min_segment_rows', 'include_training'
    ] %}
    {% do scorehouse._check_keys(call, 'options', options, own) %}
    {% set options = dict(options) %}
    {% set label_time, design_effect = options.pop('label_time', none), options.pop('design_effect', 1) %}
    {% do scorehouse._check_number(
        call, 'options', design_effect, 'write `design_effect: 1`, or more', lowest=1
    ) %}
    {% set spec = scorehouse._performance_spec(
        call=call, task='classification', key=key, label=label, day=day, period=period, segments=segments,
        maturity={'label_time': label_time}, options=options, predictions=predictions
    ) %}

{% set id = 'ml_model, version, segment, feature, metric, side' %}
{% set watched = scorehouse._metrics().watched.performance %}
{% set sides = dict(zip(watched, scorehouse._text_literals(watched.values()))) %}
{#- How much of what it has each of twelve bets stakes on a row; and the half width of an interval for the rows of the
    window by it, of 24 ends (Fan and others 2015). -#}
{% set bets, halves = [], [] %}
{% for number in range(12) %}
    {% set bet = scorehouse._double_literal(0.005 * 1.6 ** number) %}
    {% do bets.append(bet) %}
    {% do halves.append(
        '((-ln(1e0 - ' ~ bet ~ ') - ' ~ bet ~ ') * squares + ln(24e0 / ' ~ scorehouse._double_literal(alpha) ~ ')) / ('
        ~ bet ~ ' * n)'
    ) %}
{% endfor %}
with {{ scorehouse._labelled_rows(predictions, labels, spec) }},

rows_by_metric as (

    select
        labelled.ml_model,
        labelled.version,
        labelled.segment,
        labelled.window_start,
        metric,
        {{ scorehouse._case_of('metric', promised) }} as promised,
        case when is_usable = 1 then {{ scorehouse._case_of('metric', found) }} end as found
    from labelled
    cross join (
        {{ scorehouse._given_names('metric', limits.keys() | list) }}
    ) as metric_names
    where is_scored = 1
        and score between 0e0 and 1e0

),

{#- What a label is beyond the limit by, if the promise of all rows is corrected by it alone; at least -1 then. -#}
corrected as (

    select
        *,
        found - promised as wrong,
        turned * (found - promised + mean_promised - threshold)
        / (1e0 + greatest(0e0, turned * (threshold - mean_promised))) as beyond
    from (
        select
            *,
            {{ scorehouse._case_of('metric', limits) }} as threshold,
            case when {{ scorehouse._case_of('metric', sides) }} = 'above' then 1e0 else -1e0 end as turned,
            avg(promised) over (partition by ml_model, version, segment, window_start, metric) as mean_promised
        from rows_by_metric
    ) as placed

),

windows as (

    select
        ml_model, version, segment, metric, window_start, threshold,
        '' as feature,
        {{ scorehouse._case_of('metric', sides) }} as side,
        {{ scorehouse._period_end(spec.period) }} as window_end,
        {{ scorehouse._zone_of(spec.day, [predictions]) }} as time_zone,
        count(*) as n_scored,
        count(found) as n_rows,
        count(found) / {{ scorehouse._double_literal(design_effect) }} as n,
        max(mean_promised) + avg(wrong) as value,
        {%- for bet in bets %}
        {#- less what the scores of these rows may promise by chance (Hoeffding 1963) #}
        (sum(ln(1e0 + {{ bet }} * beyond)) - {{ bet }} * {{ bet }} * count(found) * count(found) / (8e0 * count(*)))
        / {{ scorehouse._double_literal(design_effect) }} as wealth{{ loop.index0 }},
        {%- endfor %}
        sum(wrong * wrong) / {{ scorehouse._double_literal(design_effect) }} as squares
    from corrected
    group by ml_model, version, segment, metric, window_start, threshold

),

batches as (

    select
        *,
        least(
            {{ halves | join(',\n            ') }}
        ) as half_width
    from windows
    where n_rows > 0

),

{{ scorehouse._sequential_evidence(id, by_bets=true) }},

{{ scorehouse._sequential_alerts(id, alpha, further="greatest(0e0, value - half_width) as value_low,
        least(1e0, value + half_width) as value_high,
        cast(n_scored as " ~ dbt.type_bigint() ~ ") as n_scored,
        ") }}

select * from final
{% endmacro %}
