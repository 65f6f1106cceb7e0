{#- A metric of each challenger and of the live version, on labelled rows: the paired difference (positive
    when the challenger is better) and its bootstrap interval. -#}
{% macro compare_metric(predictions, labels, key, label, metric='roc_auc', settings={}, segments=[]) %}
    {% set call = 'compare_metric' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% set metrics = scorehouse._metrics().contests %}
    {% do scorehouse._check_choice(call, 'metric', metric, metrics, 'roc_auc') %}
    {% set used = scorehouse._metric_settings(call, settings, metric, predictions) %}
    {% set outputs = scorehouse._compared_outputs(call, label, used.score) %}
    {% set by = scorehouse._column_list(call, 'segments', segments, 'country') if segments else [] %}
    {% set present = scorehouse._existing_columns(predictions) %}
    {% for name in by %}
        {% do scorehouse._check_passed_through(call, 'segments', name, predictions, present) %}
    {% endfor %}
    {% for output in outputs if not used.columns %}
        {% do scorehouse._check_output_column(call, output, predictions, present) %}
    {% endfor %}
    {% if outputs[0].name == '' and used.known %}
        {% do scorehouse._check_labels(
            call, labels, label, used.known, none if used.by_row else used.positive
        ) %}
    {% endif %}

    {#- dbt also renders disabled models when it parses: a project may turn the model off for this target -#}
    {% do scorehouse._check_facts('scorehouse.compare_metric()', [
        (execute and target.type != 'duckdb', 'got the adapter ' ~ target.type,
            'duckdb, whose hash() seeds the bootstrap', 'run this model on DuckDB'),
    ]) %}
    {% set settings, segments = used, by %}

{% set is_higher = 'higher' in scorehouse._metrics().contests[metric] %}
{% set tail = (1 - settings['confidence']) / 2 %}
{% set versions, part = 'model_alias, live_version, challenger_version', 'segment, segment_value' %}
{% set parts, of_output = versions ~ ', output, ' ~ part, 'model_alias, output, ' ~ part %}
{% set key_names = scorehouse._each('key_<number>', keys) %}
with {{ scorehouse._labelled_pairs(
    predictions=predictions, labels=labels, keys=keys, outputs=outputs, metric=metric, settings=settings,
    segments=segments
) }}

{#- Numbers for what is the same in many rows: 50 replicates have 50 times as many. #}
numbered as (

    select
        *,
        dense_rank() over (order by {{ parts }}) as part
        {%- if metric == 'roc_auc' %},
        dense_rank() over (partition by {{ parts }} order by live_score) as live_place,
        dense_rank() over (partition by {{ parts }} order by challenger_score) as challenger_place
        {%- endif %}
    from segmented

),

{#- Poisson bootstrap: in each replicate, the weight of a row is a draw from Poisson(1), made from a hash of
    its key. Replicate 0 is the original data. #}
drawn as (

    select
        part,
        label,
        {{ 'live_place, challenger_place' if metric == 'roc_auc' else 'live_score, challenger_score' }},
        replicate,
        case when replicate = 0 then 1 else {{ scorehouse._poisson_weight(
            "(hash(" ~ key_names | join(', ') ~ ", replicate, " ~ settings['seed'] ~ ") >> 11) / 9007199254740992e0"
        ) }} end as weight
    from numbered, range({{ settings['replicates'] + 1 }}) as replicates(replicate)

),

{{ scorehouse._metric_values(metric, settings) }}

replicated as (

    select
        {{ parts }},
        replicate,
        n_rows,
        live_value,
        challenger_value,
        {{ 'challenger_value - live_value' if is_higher
            else 'live_value - challenger_value' }} as difference
    from metric_values
    inner join (select distinct part, {{ parts }} from numbered) as named
        on metric_values.part = named.part

),

{#- The mean counts each output the same, in each replicate; there is none where an output has no value. #}
with_means as (

    select * from replicated
    {%- if outputs | length > 1 %}

    union all

    select
        {{ versions }},
        '(mean)' as output,
        {{ part }},
        replicate,
        case when count(*) = {{ outputs | length }} then min(n_rows) else 0 end as n_rows,
        {%- for value in ['live_value', 'challenger_value', 'difference'] %}
        case when count({{ value }}) = {{ outputs | length }} then avg({{ value }}) end as {{ value }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from replicated
    group by {{ versions }}, {{ part }}, replicate
    {%- endif %}

),

{%- if segments %}

{#- How many values each segment stands for: one, or all that have few rows. #}
sized as (

    select
        {{ part }},
        count(distinct own_value) as n_segments
    from segmented
    group by {{ part }}

),
{%- endif %}

guesses as (

    select
        {{ of_output }},
        cast({{ scorehouse._guess_value(metric, settings) }} as double) as guess_value
    from (
        select
            *,
            avg(label) over (partition by {{ of_output }}) as mean_label
        from segmented
    ) as centred
    group by {{ of_output }}

),

{%- if outputs | length > 1 %}

all_guesses as (

    select * from guesses
    union all
    select model_alias, '(mean)', {{ part }}, avg(guess_value)
    from guesses
    group by model_alias, {{ part }}

),
{%- endif %}

{#- A prediction table belongs to one ML model. #}
final as (

    select
        (select max(ml_model) from labelled) as ml_model,
        {{ versions }},
        {{- '\n        output,' if outputs[0].name }}
        {%- if segments %}
        {{ part }},
        case when segment <> 'all' then max(n_segments) end as n_segments,
        {%- endif %}
        '{{ metric }}' as metric,
        max(n_rows) filter (replicate = 0) as n_rows,
        max(live_value) filter (replicate = 0) as live_value,
        max(challenger_value) filter (replicate = 0) as challenger_value,
        {#- the better end of its interval #}
        quantile_cont(challenger_value, {{ 1 - tail if is_higher else tail }}) filter (replicate > 0)
            as challenger_best,
        max(guess_value) as guess_value,
        max(difference) filter (replicate = 0) as difference,
        quantile_cont(difference, {{ tail }}) filter (replicate > 0) as difference_low,
        quantile_cont(difference, {{ 1 - tail }}) filter (replicate > 0) as difference_high,
        {{ scorehouse._double_literal(settings['confidence']) }} as confidence,
        count(difference) filter (replicate > 0) as n_replicates
    from with_means
    inner join {{ 'all_guesses' if outputs | length > 1 else 'guesses' }} using ({{ of_output }})
    {%- if segments %}
    inner join sized using ({{ part }})
    {%- endif %}
    group by {{ parts }}

)

select * from final
{% endmacro %}
