{#- A metric of each challenger and of the live version, on labelled rows: the paired difference (positive
    when the challenger is better) and its bootstrap interval. -#}
{% macro compare_metric(predictions, labels, key, label, metric='roc_auc', settings={}) %}
    {% set call = 'compare_metric' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% do scorehouse._column_list(call, 'label', label, 'churned') %}
    {% set metrics = ['roc_auc', 'log_loss', 'brier', 'rmse', 'mae'] %}
    {% if metric not in metrics %}
        {% do scorehouse._argument_error(
            call, 'metric', metric, 'one of ' ~ metrics | join(', '), 'write `metric: roc_auc`'
        ) %}
    {% endif %}
    {% set used = scorehouse._metric_settings(call, settings, metric) %}

    {{ return(adapter.dispatch('compare_metric', 'scorehouse')(
        predictions, labels, keys, label, metric, used
    )) }}
{% endmacro %}

{% macro default__compare_metric(predictions, labels, keys, label, metric, settings) %}
    {#- dbt also renders disabled models when it parses: a project may turn the model off for this target -#}
    {% if execute %}
        {% do scorehouse._fail(
            'scorehouse.compare_metric()',
            'got the adapter ' ~ target.type,
            'duckdb, whose hash() seeds the bootstrap',
            'run this model on DuckDB'
        ) %}
    {% endif %}
{% endmacro %}

{% macro duckdb__compare_metric(predictions, labels, keys, label, metric, settings) %}
{% set tail = (1 - settings['confidence']) / 2 %}
{% set keys, label = scorehouse._identifiers(keys), scorehouse._identifier(label) %}
with paired as (

    {{ scorehouse._paired_predictions(predictions, keys, settings['score']) | indent(4) }}

),

labelled as (

    select
        paired.*,
        {{ scorehouse._label_value('labels.' ~ label, metric, settings['positive']) }} as label
    from paired
    inner join {{ scorehouse._named(labels, 'labels') }}
        on {% for name in keys %}paired.{{ name }} = labels.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
    where paired.both_scored and labels.{{ label }} is not null

),

{#- Poisson bootstrap: in each replicate, the weight of a row is a draw from Poisson(1), made from a hash of
    its key. Replicate 0 is the original data. #}
drawn as (

    select
        labelled.*,
        replicate,
        case when replicate = 0 then 1 else {{ scorehouse._poisson_weight(
            "(hash(" ~ keys | join(', ') ~ ", replicate, " ~ settings['seed'] ~ ") >> 11) / 9007199254740992e0"
        ) }} end as weight
    from labelled, range({{ settings['replicates'] + 1 }}) as replicates(replicate)

),

{{ scorehouse._metric_values(metric) }}

replicated as (

    select
        model_alias,
        live_version,
        challenger_version,
        replicate,
        n_rows,
        live_value,
        challenger_value,
        {{ 'challenger_value - live_value' if metric == 'roc_auc' else 'live_value - challenger_value' }} as difference
    from metric_values

),

{#- A prediction table belongs to one ML model. #}
final as (

    select
        (select max(ml_model) from labelled) as ml_model,
        model_alias,
        live_version,
        challenger_version,
        '{{ metric }}' as metric,
        max(n_rows) filter (replicate = 0) as n_rows,
        max(live_value) filter (replicate = 0) as live_value,
        max(challenger_value) filter (replicate = 0) as challenger_value,
        max(difference) filter (replicate = 0) as difference,
        quantile_cont(difference, {{ tail }}) filter (replicate > 0) as difference_low,
        quantile_cont(difference, {{ 1 - tail }}) filter (replicate > 0) as difference_high,
        {{ scorehouse._double_literal(settings['confidence']) }} as confidence,
        count(difference) filter (replicate > 0) as n_replicates
    from replicated
    group by model_alias, live_version, challenger_version

)

select * from final
{% endmacro %}
