{#- The arguments of a performance macro, checked, as one dict. -#}
{% macro _performance_spec(call, key, label, task, day, period, segments, maturity, options, has_labels) %}
    {% set known_options = {
        'score': 'score', 'prediction': 'prediction', 'positive': 1, 'lower': none, 'upper': none, 'query': none,
        'k': 10, 'relevant_from': 1, 'min_rows': 1, 'min_segment_rows': 200, 'thresholds': {}
    } %}
    {% set known_maturity = {'days': 0, 'share': 0.9, 'as_of': none, 'label_time': none} %}
    {% do scorehouse._check_keys(call, 'options', options, known_options) %}
    {% do scorehouse._check_keys(call, 'maturity', maturity, known_maturity) %}
    {% if period not in ['day', 'week', 'month', 'quarter', 'year'] %}
        {% do scorehouse._argument_error(
            call, 'period', period, 'day, week, month, quarter or year', 'write `period: month`'
        ) %}
    {% endif %}
    {% if day is not none and day is not string %}
        {% do scorehouse._argument_error(
            call, 'day', day, 'the name of a column of the predictions that holds a date or a timestamp',
            'write `day: order_date`, or leave it out for the time of scoring'
        ) %}
    {% endif %}
    {% set spec = dict(known_options) %}
    {% if task == 'clustering' %}
        {% do spec.update({'score': 'distance'}) %}
    {% endif %}
    {% do spec.update(options) %}
    {% do spec.update({'days': 0, 'share': 0.9, 'as_of': none, 'label_time': none}) %}
    {% do spec.update(maturity) %}
    {% do scorehouse._check_number(call, 'maturity', spec.days, 'write `days: 90`', lowest=0) %}
    {% do scorehouse._check_number(call, 'maturity', spec.share, 'write `share: 0.9`', lowest=0, highest=1) %}
    {% for name in ['k', 'relevant_from', 'min_rows', 'min_segment_rows'] %}
        {% do scorehouse._check_number(call, 'options', spec[name], 'write a number for `' ~ name ~ '`', lowest=0) %}
    {% endfor %}
    {% if task == 'ranking' and not spec.query %}
        {% do scorehouse._argument_error(
            call, 'options', options, 'the column that names a query, for a ranking',
            "write `options: {'query': 'customer_id'}`"
        ) %}
    {% endif %}
    {% do spec.update({
        'call': call,
        'task': task,
        'key': scorehouse._column_list(call, 'key', key, 'customer_id') if has_labels else [],
        'label': scorehouse._column_list(call, 'label', label, 'churned')[0] if has_labels else none,
        'day': day or 'scored_at',
        'period': period,
        'segmentations': scorehouse._segmentations(call, segments),
    }) %}
    {{ return(spec) }}
{% endmacro %}

{% macro _check_keys(call, argument, given, known) %}
    {% if given is not mapping %}
        {% do scorehouse._argument_error(
            call, argument, given, 'a mapping', 'write `' ~ argument ~ ': {' ~ known | first ~ ': ...}`'
        ) %}
    {% endif %}
    {% for name in given if name not in known %}
        {% do scorehouse._argument_error(
            call, argument, name, 'keys among ' ~ known | join(', '), 'correct or remove `' ~ name ~ '`'
        ) %}
    {% endfor %}
{% endmacro %}

{#- A value of the configuration as a literal of its own type. -#}
{% macro _literal(value) %}
    {% if value is boolean %}
        {{ return('true' if value else 'false') }}
    {% elif value is number %}
        {{ return(value | string) }}
    {% endif %}
    {{ return(scorehouse._text_literal(value)) }}
{% endmacro %}

{#- CTEs up to `labelled`: one row a prediction and segment, with `usable` where it counts, and `cohorts`. -#}
{% macro _labelled_rows(predictions, labels, spec) %}
{% set stamp, text, double = dbt.type_timestamp(), dbt.type_string(), scorehouse._type_double() %}
{%- set start = 'cast(' ~ dbt.date_trunc(spec.period, 'live.' ~ spec.day) ~ ' as ' ~ stamp ~ ')' %}
{%- set finish = 'cast(' ~ dbt.dateadd('month' if spec.period == 'quarter' else spec.period, 3 if spec.period == 'quarter' else 1, 'window_start') ~ ' as ' ~ stamp ~ ')' %}
predictions as (

    select * from {{ predictions }}

),

{% if labels is not none -%}
labels as (

    select * from {{ labels }}

),

{#- Of several predictions of one key, the last that was made, and made before the label was known. -#}
versions_of_row as (

    select
        predictions.*,
        labels.{{ spec.label }} as scorehouse_label,
        row_number() over (
            partition by {% for name in spec.key %}predictions.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
            order by predictions.scored_at desc
        ) as scorehouse_place
    from predictions
    left join labels
        on {% for name in spec.key %}predictions.{{ name }} = labels.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
    {%- if spec.label_time %}
    where labels.{{ spec.label_time }} is null
        or predictions.scored_at <= labels.{{ spec.label_time }}
    {%- endif %}

),

live as (

    select * from versions_of_row
    where scorehouse_place = 1

),
{%- else -%}
live as (

    select
        *,
        cast(null as {{ double }}) as scorehouse_label
    from predictions

),
{%- endif %}

prepared as (

    select
        live.model_name as ml_model,
        live.model_version as version,
        {{ start }} as window_start,
        live.row_status,
        {%- if spec.task == 'classification' %}
        case when live.scorehouse_label is not null then
            case when live.scorehouse_label = {{ scorehouse._literal(spec.positive) }} then 1e0 else 0e0 end
        end as y,
        case when live.{{ spec.prediction }} = {{ scorehouse._literal(spec.positive) }} then 1e0 else 0e0 end as yhat,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        {%- elif spec.task == 'regression' %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.prediction }} as {{ double }}) as score,
        {%- for side in ['lower', 'upper'] if spec[side] %}
        cast(live.{{ spec[side] }} as {{ double }}) as {{ side }}_limit,
        {%- endfor %}
        {%- elif spec.task == 'ranking' %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        cast(live.{{ spec.query }} as {{ text }}) as query,
        {% for name in spec.key %}cast(live.{{ name }} as {{ text }}){{ " || '|' || " if not loop.last }}{% endfor %} as item,
        {%- else %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.prediction }} as {{ text }}) as cluster_label,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        {%- endif %}
        {%- for segmentation in spec.segmentations %}
        {%- set names = [] %}
        {%- for name in segmentation %}{% do names.append("coalesce(cast(live." ~ name ~ " as " ~ text ~ "), '(null)')") %}{% endfor %}
        {{ scorehouse._text_literal(segmentation | join('+') ~ '=') }} || {{ names | join(" || '+' || ") }} as s{{ loop.index0 }},
        {%- endfor %}
        1 as one
    from live
    where live.{{ spec.day }} is not null

),

segmented as (

    select *, 'all' as raw_segment from prepared
    {%- for segmentation in spec.segmentations %}
    union all
    select *, s{{ loop.index0 }} as raw_segment from prepared
    {%- endfor %}

),

segment_names as (

    select
        ml_model, version, window_start, raw_segment,
        case
            when raw_segment = 'all' or count(*) >= {{ spec.min_segment_rows }} then raw_segment
            else {{ dbt.split_part('raw_segment', "'='", 1) }} || '=(small groups)'
        end as segment
    from segmented
    group by ml_model, version, window_start, raw_segment

),

{#- NULL, NaN and infinite scores count among the scored rows, and are judged nowhere else. -#}
labelled as (

    select
        segmented.*,
        segment_names.segment,
        case when row_status = 'scored' then 1 else 0 end as is_scored,
        case when row_status = 'scored' and y is not null then 1 else 0 end as is_labelled,
        case when row_status = 'scored' and {{ 'y is not null and ' if labels is not none }}score is not null
            and {{ scorehouse._is_finite('score') }} then 1 else 0 end as is_usable
    from segmented
    inner join segment_names
        on segmented.ml_model = segment_names.ml_model
        and segmented.version = segment_names.version
        and segmented.window_start = segment_names.window_start
        and segmented.raw_segment = segment_names.raw_segment

),

cohort_counts as (

    select
        ml_model, version, segment, window_start,
        {{ finish }} as window_end,
        count(*) as n_rows,
        sum(is_scored) as n_scored,
        sum(is_labelled) as n_labelled,
        sum(is_usable) as n_usable
    from labelled
    group by ml_model, version, segment, window_start

),

cohorts as (

    select
        *,
        n_labelled * 1e0 / nullif(n_scored, 0) as labels_arrived,
        {%- if labels is none %}
        1 as is_mature
        {%- else %}
        case when {{ dbt.dateadd('day', spec.days | int, 'window_end') }} <= {{ scorehouse._moment(spec.as_of) if spec.as_of else scorehouse._utc_now() }}
            and n_labelled >= {{ scorehouse._double_literal(spec.share) }} * n_scored
            then 1 else 0 end as is_mature
        {%- endif %}
    from cohort_counts

),

usable as (

    select
        labelled.*
    from labelled
    inner join cohorts
        on {{ scorehouse._same_cohort('labelled', 'cohorts') }}
    where is_usable = 1
        and is_mature = 1
        and n_usable >= {{ spec.min_rows }}

)
{%- endmacro %}

{% macro _same_cohort(a, b) %}
    {% set parts = [] %}
    {% for name in ['ml_model', 'version', 'segment', 'window_start'] %}
        {% do parts.append(a ~ '.' ~ name ~ ' = ' ~ b ~ '.' ~ name) %}
    {% endfor %}
    {{ return(parts | join(' and ')) }}
{% endmacro %}

{#- From one row a cohort with a column a metric to one row a metric. -#}
{% macro _unpivot_metrics(relation, names) %}
    select
        ml_model, version, segment, window_start, metric,
        case metric
            {%- for name in names %}
            when '{{ name }}' then cast({{ name }} as {{ scorehouse._type_double() }})
            {%- endfor %}
        end as value
    from {{ relation }}
    cross join (values {% for name in names %}('{{ name }}'){{ ', ' if not loop.last }}{% endfor %}) as metric_names (metric)
{%- endmacro %}

{#- The names of all metrics are asked of the cohorts, so that an immature one has its rows, without values. -#}
{% macro _performance_rows(spec) %}
{% set text, bigint = dbt.type_string(), dbt.type_bigint() %}
metric_list as (

    select distinct metric from metric_rows
    union
    select metric
    from (values {% for name in scorehouse._headline_metrics(spec.task) %}('{{ name }}'){{ ', ' if not loop.last }}{% endfor %}) as headline (metric)

),

judged as (

    select
        cohorts.*,
        metric_list.metric,
        metric_rows.value,
        cast(
            {%- if spec.thresholds %}
            case metric_list.metric
                {%- for metric, limit in spec.thresholds.items() %}
                when {{ scorehouse._text_literal(metric) }} then {{ scorehouse._double_literal(limit) }}
                {%- endfor %}
            end
            {%- else %} null {%- endif %} as {{ scorehouse._type_double() }}
        ) as threshold
    from cohorts
    cross join metric_list
    left join metric_rows
        on {{ scorehouse._same_cohort('cohorts', 'metric_rows') }}
        and metric_list.metric = metric_rows.metric
    union all
    select
        cohorts.*,
        arrival.metric,
        case arrival.metric
            when 'labels_arrived' then labels_arrived
            when 'rejected_share' then (n_rows - n_scored) * 1e0 / n_rows
        end,
        cast(null as {{ scorehouse._type_double() }})
    from cohorts
    cross join (values ('labels_arrived'), ('rejected_share')) as arrival (metric)

),

final as (

    select
        cast(null as {{ text }}) as run_id,
        ml_model,
        cast(version as {{ dbt.type_int() }}) as version,
        cast(null as {{ text }}) as feature,
        segment,
        metric,
        window_start,
        window_end,
        value,
        threshold,
        case
            when metric in ('labels_arrived', 'rejected_share') then 'info'
            when is_mature = 0 then 'immature'
            when n_usable < {{ spec.min_rows }} or n_usable = 0 then 'too_small'
            when value is null then 'undefined'
            when threshold is null then 'info'
            when {{ scorehouse._is_worse('value', 'threshold') }} then 'below'
            else 'ok'
        end as status,
        cast(n_scored as {{ bigint }}) as n_reference,
        cast(n_usable as {{ bigint }}) as n_current,
        labels_arrived
    from judged

)
{%- endmacro %}

{% macro _headline_metrics(task) %}
    {{ return({
        'classification': ['roc_auc', 'average_precision', 'log_loss', 'brier', 'ece', 'precision', 'recall', 'f1', 'mcc'],
        'regression': ['mae', 'rmse', 'r2', 'wape', 'bias'],
        'ranking': ['ndcg', 'mrr', 'map', 'hit_rate'],
        'clustering': ['n_clusters', 'mean_distance'],
    }[task]) }}
{% endmacro %}

{#- Metrics of which less is better; of all others, more is. -#}
{% macro _lower_is_better() %}
    {{ return([
        'log_loss', 'brier', 'ece', 'mce', 'mae', 'rmse', 'mse', 'wape', 'mape', 'median_absolute_error', 'max_error',
        'mean_distance', 'interval_width', 'rejected_share'
    ]) }}
{% endmacro %}

{#- True where a value is worse than another, by the column `metric`. -#}
{% macro _is_worse(value, other) -%}
    (case when metric in ('{{ scorehouse._lower_is_better() | join("', '") }}')
        then {{ value }} > {{ other }} else {{ value }} < {{ other }} end)
{%- endmacro %}
