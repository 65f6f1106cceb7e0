{#- The select of a calibration table: in bins of equal numbers of labelled rows, how the score compares with the
    labels. `estimated_performance` reads it. -#}
{% macro calibration_table(
    predictions, labels, key, label, options={}, bins=20, date_from=none, date_to=none, task='classification'
) %}
    {% set call = 'calibration_table' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% do scorehouse._check_number(call, 'bins', bins, 'write a number of bins, such as 20', lowest=2, highest=1000) %}
    {% do scorehouse._check_choice(
        call, 'task', task, ['classification', 'regression'], 'regression', 'classification or regression'
    ) %}
    {% set rest = dict(options) %}
    {% set spec = scorehouse._performance_spec(
        call=call, task=task, key=key, label=label, day=rest.pop('day', none), options=rest
    ) %}

{% set double, text = scorehouse._type_double(), dbt.type_string() %}
{% set g = 'ml_model, version, class_label' %}
{% set is_regression = spec.task == 'regression' %}
{% set known = scorehouse._known_classes(predictions, labels, spec) %}
{#- A version has seen the labels of its training rows, which would make its errors too small. #}
{% set is_training = scorehouse._is_training_row(predictions, spec) %}
{% set unseen = '\n    where not ' ~ is_training if is_training else '' %}
with live as (

    select
        predictions.*,
        labels.{{ spec.label }} as scorehouse_label
    from {{ scorehouse._named(predictions, 'predictions') }}
    inner join {{ scorehouse._named(labels, 'labels') }}
        on {{ scorehouse._same('predictions', 'labels', spec.key) }}
    where labels.{{ spec.label }} is not null
        {{ scorehouse._in_days('predictions.' ~ spec.day, date_from, date_to) }}

),

judged as (
    {%- if spec.classes %}
    {%- set sources = scorehouse._class_score_sources(predictions, spec.classes) %}
    {%- for label in spec.classes %}
    {%- set name = scorehouse._text_literal(scorehouse._class_text(label)) %}

    select
        model_name as ml_model,
        model_version as version,
        {{ name }} as class_label,
        cast({{ sources[loop.index0] }} as {{ double }}) as score,
        case when {{ scorehouse._label_text('scorehouse_label', spec.classes) }} = {{ name }} then 1e0 else 0e0 end as y
    from live
    {{- unseen }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- else %}

    select
        model_name as ml_model,
        model_version as version,
        cast(null as {{ text }}) as class_label,
        cast({{ spec.prediction if is_regression else spec.score }} as {{ double }}) as score,
        {%- if is_regression %}
        cast(scorehouse_label as {{ double }}) as y
        {%- else %}
        {{ scorehouse._is_positive('scorehouse_label', spec.positive, known) }} as y
        {%- endif %}
    from live
    {{- unseen }}
    {%- endif %}

),

{#- Grouped by score, so that tied scores stay in one bin. -#}
by_score as (

    select
        {{ g }}, score,
        count(*) as n,
        {%- if is_regression %}
        sum(abs(score - y)) as absolute,
        sum((score - y) * (score - y)) as squared,
        sum(score - y) as signed,
        sum((score - y) * (score - y) * (score - y) * (score - y)) as fourth
        {%- else %}
        sum(y) as pos
        {%- endif %}
    from judged
    where y is not null
        and {{ scorehouse._is_finite('score') }}
        {%- if is_regression %}
        and {{ scorehouse._is_finite('y') }}
        {%- endif %}
    group by {{ g }}, score

),

placed as (

    select
        *,
        sum(n) over (
            partition by {{ g }} order by score rows between unbounded preceding and current row
        ) - n / 2e0 as middle,
        sum(n) over (partition by {{ g }}) as total
    from by_score

),

binned as (

    select
        *,
        cast(floor(middle * {{ bins }} / total) as {{ dbt.type_int() }}) + 1 as bin
    from placed

),

final as (

    select
        ml_model,
        cast(version as {{ dbt.type_int() }}) as version,
        class_label,
        bin,
        min(score) as lowest_score,
        max(score) as highest_score,
        {{ scorehouse._total('n * score') }} / sum(n) as mean_score,
        {%- if is_regression %}
        cast(null as {{ double }}) as positive_rate,
        {{ scorehouse._total('absolute') }} / sum(n) as mean_absolute_error,
        {{ scorehouse._total('squared') }} / sum(n) as mean_squared_error,
        {{ scorehouse._total('signed') }} / sum(n) as mean_error,
        {{ scorehouse._deviation_of_sums('absolute', 'squared') }} as absolute_error_deviation,
        {{ scorehouse._deviation_of_sums('squared', 'fourth') }} as squared_error_deviation,
        {%- else %}
        sum(pos) / sum(n) as positive_rate,
        {%- for name in ['mean_absolute_error', 'mean_squared_error', 'mean_error', 'absolute_error_deviation',
            'squared_error_deviation'] %}
        cast(null as {{ double }}) as {{ name }},
        {%- endfor %}
        {%- endif %}
        cast(sum(n) as {{ dbt.type_bigint() }}) as n_labelled
    from binned
    group by {{ g }}, bin

)

select * from final
{% endmacro %}
