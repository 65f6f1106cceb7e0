{#- The select of a calibration table: in bins of equal numbers of labelled rows, the mean score and the
    share of positive labels. `estimated_performance` reads it. -#}
{% macro calibration_table(predictions, labels, key, label, options={}, bins=20, date_from=none, date_to=none) %}
    {% set call = 'calibration_table' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% do scorehouse._check_number(call, 'bins', bins, 'write a number of bins, such as 20', lowest=2, highest=1000) %}
    {% set spec = scorehouse._performance_spec(
        call, key, label, 'classification', options.get('day'), 'month', [], {},
        scorehouse._without(options, 'day'), true
    ) %}

    {{ return(adapter.dispatch('calibration_table', 'scorehouse')(
        predictions, labels, spec, bins, date_from, date_to
    )) }}
{% endmacro %}

{% macro default__calibration_table(predictions, labels, spec, bins, date_from, date_to) %}

with labelled as (

    select
        predictions.model_name as ml_model,
        predictions.model_version as version,
        cast(predictions.{{ spec.score }} as {{ scorehouse._type_double() }}) as score,
        case when labels.{{ spec.label }} = {{ scorehouse._literal(spec.positive) }} then 1e0 else 0e0 end as y
    from {{ predictions }} as predictions
    inner join {{ labels }} as labels
        on
        {%- for name in spec.key %}
            predictions.{{ name }} = labels.{{ name }}{{ ' and' if not loop.last }}
        {%- endfor %}
    where labels.{{ spec.label }} is not null
        and predictions.{{ spec.score }} is not null
        and {{ scorehouse._is_finite('predictions.' ~ spec.score) }}
        {%- if date_from %}
        and predictions.{{ spec.day }} >= {{ scorehouse._moment(date_from) }}
        {%- endif %}
        {%- if date_to %}
        and predictions.{{ spec.day }} < {{ scorehouse._moment(date_to) }}
        {%- endif %}

),

{#- Grouped by score, so that tied scores stay in one bin. -#}
by_score as (

    select ml_model, version, score, count(*) as n, sum(y) as pos
    from labelled
    group by ml_model, version, score

),

placed as (

    select
        *,
        sum(n) over (
            partition by ml_model, version order by score rows between unbounded preceding and current row
        ) - n / 2e0 as middle,
        sum(n) over (partition by ml_model, version) as total
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
        bin,
        min(score) as lowest_score,
        max(score) as highest_score,
        {{ scorehouse._total('n * score') }} / sum(n) as mean_score,
        sum(pos) / sum(n) as positive_rate,
        cast(sum(n) as {{ dbt.type_bigint() }}) as n_labelled
    from binned
    group by ml_model, version, bin

)

select * from final
{% endmacro %}
