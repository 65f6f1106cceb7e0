{#- CTEs that end in `metric_rows`: the multiclass metrics, as scikit-learn defines them. Averages of
    precision, recall and F1 are over the classes that occur as a label or a prediction. ROC AUC is averaged
    one-vs-rest; it is undefined if a class has no labels, or if only one class has labels. -#}
{% macro _multiclass_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set double, by_class = scorehouse._type_double(), 'ml_model, version, segment, window_start, class_label' %}
{% set log_of_label = 'ln(greatest(case y ' ~ scorehouse._class_cases(spec)
    ~ ' else 0e0 end, 2.220446049250313e-16))' %}
{% set one = 'w' if spec.weight else '1e0' %}
class_scores as (
    {%- for label in spec.classes %}

    select
        {{ g }},
        {{ scorehouse._text_literal(scorehouse._class_text(label)) }} as class_label,
        score_{{ loop.index0 }} as class_score,
        case when y = {{ scorehouse._text_literal(scorehouse._class_text(label)) }} then 1e0 else 0e0 end as is_true
        {{- ', w' if spec.weight }}
    from usable
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

by_score as (

    select
        {{ by_class }},
        class_score,
        sum({{ scorehouse._weighted('is_true', spec) }}) as pos,
        sum({{ scorehouse._weighted('1e0 - is_true', spec) }}) as neg
    from class_scores
    group by {{ by_class }}, class_score

),

{{ scorehouse._cumulated('by_score', by_class, 'class_score') }},

areas as (

    select
        {{ by_class }},
        sum(pos) as n_class,
        {{ scorehouse._roc_auc() }} as roc_auc,
        {{ scorehouse._auc_error() }} as roc_auc_error
    from cumulated
    group by {{ by_class }}

),

mean_areas as (

    select
        {{ g }},
        case when count(*) = count(roc_auc) then avg(roc_auc) end as roc_auc_ovr,
        case when count(*) = count(roc_auc) then sum(roc_auc * n_class) / sum(n_class) end as roc_auc_ovr_weighted
    from areas
    group by {{ g }}

),

{#- Every row counts twice: under its label and under its prediction. -#}
sides as (

    select
        {{ g }},
        y as class_label,
        {{ one }} as is_true,
        0e0 as is_predicted,
        case when y = yhat then {{ one }} else 0e0 end as is_hit,
        {{ 'weight_scale' if spec.weight else '1e0' }} as weight_scale
    from usable
    union all
    select {{ g }}, yhat, 0e0, {{ one }}, 0e0, {{ 'weight_scale' if spec.weight else '1e0' }}
    from usable

),

class_counts as (

    select
        {{ by_class }},
        sum(is_true) as n_true,
        sum(is_predicted) as n_predicted,
        sum(is_hit) as n_hit,
        max(weight_scale) as weight_scale
    from sides
    group by {{ by_class }}

),

class_metrics as (

    select
        *,
        case when n_predicted > 0e0 then n_hit / n_predicted else 0e0 end as class_precision,
        case when n_true > 0e0 then n_hit / n_true else 0e0 end as class_recall,
        2e0 * n_hit / (n_true + n_predicted) as class_f1
    from class_counts

),

averages as (

    select
        {{ g }},
        sum(n_hit) / sum(n_true) as accuracy,
        sum(n_true) as n,
        avg(class_precision) as macro_precision,
        avg(class_recall) as macro_recall,
        avg(class_f1) as macro_f1,
        sum(class_f1 * n_true) / sum(n_true) as weighted_f1
    from class_metrics
    group by {{ g }}

),

{#- A label that the version does not know has the probability 0, clipped like any other. -#}
losses as (

    select
        {{ g }},
        -{{ scorehouse._weighted_mean(log_of_label, spec) }} as log_loss,
        {{ scorehouse._weighted_deviation(log_of_label, spec) }} as log_loss_deviation,
        {{ scorehouse._row_weights(spec) }} as n
    from usable
    group by {{ g }}

),

{{ scorehouse._set_metrics(spec) }}

metric_intervals as (

    {{ scorehouse._unpivot_intervals('averages', scorehouse._share_ends({'accuracy': 'n'})) }}
    union all
    {{ scorehouse._unpivot_intervals('losses', scorehouse._mean_ends(['log_loss'], 'n')) }}
    {%- for name, n in [('precision', 'n_predicted'), ('recall', 'n_true')] %}
    union all
    select
        {{ g }}, '{{ name }}_of_' || class_label,
        {{ scorehouse._wilson('class_' ~ name, n, -1) }},
        {{ scorehouse._wilson('class_' ~ name, n, 1) }}
    from class_metrics
    {%- endfor %}
    union all
    select
        {{ g }}, 'roc_auc_of_' || class_label,
        greatest(0e0, roc_auc - 1.959963984540054e0 * roc_auc_error),
        least(1e0, roc_auc + 1.959963984540054e0 * roc_auc_error)
    from areas
    {{- scorehouse._set_metric_ends(spec) }}

),

metric_rows as (

    {{ scorehouse._unpivot_metrics('mean_areas', ['roc_auc_ovr', 'roc_auc_ovr_weighted']) }}
    union all
    {{ scorehouse._unpivot_metrics('averages', [
        'accuracy', 'macro_precision', 'macro_recall', 'macro_f1', 'weighted_f1'
    ]) }}
    union all
    {{ scorehouse._unpivot_metrics('losses', ['log_loss']) }}
    union all
    select {{ g }}, 'precision_of_' || class_label, cast(class_precision as {{ double }}) from class_metrics
    union all
    select {{ g }}, 'recall_of_' || class_label, cast(class_recall as {{ double }}) from class_metrics
    union all
    select {{ g }}, 'f1_of_' || class_label, cast(class_f1 as {{ double }}) from class_metrics
    union all
    select {{ g }}, 'labels_of_' || class_label, cast(n_true / weight_scale as {{ double }}) from class_metrics
    union all
    select {{ g }}, 'roc_auc_of_' || class_label, roc_auc from areas
    {{- scorehouse._set_metric_rows(spec) }}

)
{%- endmacro %}


{#- The score of the label's own class, as branches of a `case`. -#}
{% macro _class_cases(spec) %}
    {% set whens = [] %}
    {% for label in spec.classes %}
        {% do whens.append(
            'when ' ~ scorehouse._text_literal(scorehouse._class_text(label)) ~ ' then score_' ~ loop.index0
        ) %}
    {% endfor %}
    {{ return(whens | join(' ')) }}
{% endmacro %}
