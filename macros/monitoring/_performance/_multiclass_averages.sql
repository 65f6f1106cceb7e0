{#- CTEs that end in `averages`: counts by class, their shares and F1, averages over the classes that occur as a label
    or a prediction, and agreement beyond chance. -#}
{% macro _multiclass_averages(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set by_class = g ~ ', class_label' %}
{% set one = 'w' if spec.weight else '1e0' %}
{% set kappa_move = '((is_hit - accuracy - (n_by_chance / n - 2e0 * agreed_by_chance) * (1e0 - cohen_kappa))
            / nullif(1e0 - agreed_by_chance, 0e0))' %}
{% set mcc_move = '((is_hit - accuracy - n_by_chance / n + 2e0 * agreed_by_chance)
            / nullif(sqrt((1e0 - same_label) * (1e0 - same_prediction)), 0e0)
            + mcc * (n_same_label / n - same_label) / nullif(1e0 - same_label, 0e0)
            + mcc * (n_same_prediction / n - same_prediction) / nullif(1e0 - same_prediction, 0e0))' %}
{#- Every row counts twice: under its label and under its prediction. -#}
sides as (
    {%- for side in ['y', 'yhat'] %}

    select
        {{ g }},
        {{ side }} as class_label,
        {{ 1 - loop.index0 }} as is_label,
        case when y = yhat then 1 else 0 end as is_hit,
        {{ one }} as w,
        {{ 'weight_scale' if spec.weight else '1e0' }} as weight_scale
    from usable
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

class_counts as (

    select
        {{ by_class }},
        sum(is_label * w) as n_true,
        sum((1 - is_label) * w) as n_predicted,
        sum(is_label * is_hit * w) as n_hit,
        {%- for share, of_row in [
            ('recall', 'case when is_label = 1 then is_hit end'),
            ('precision', 'case when is_label = 0 then is_hit end'),
            ('f1', 'case when is_label = 1 or is_hit = 0 then is_hit end')
        ] %}
        coalesce({{ scorehouse._rows_of_share(of_row, spec) }}, 0e0) as {{ share }}_rows,
        {%- endfor %}
        max(weight_scale) as weight_scale
    from sides
    group by {{ by_class }}

),

class_metrics as (

    select
        *,
        case when n_predicted > 0e0 then n_hit / n_predicted else 0e0 end as class_precision,
        case when n_true > 0e0 then n_hit / n_true else 0e0 end as class_recall,
        2e0 * n_hit / (n_true + n_predicted) as class_f1,
        n_true / weight_scale as n_labels
    from class_counts

),

class_averages as (

    select
        {{ g }},
        count(*) * 1e0 as n_classes,
        sum(n_hit) / sum(n_true) as accuracy,
        sum(n_true) as n,
        sum(n_true) / count(*) as n_side,
        avg(class_precision) as macro_precision,
        avg(class_recall) as macro_recall,
        avg(class_f1) as macro_f1,
        sum(class_f1 * n_true) / sum(n_true) as weighted_f1,
        avg(case when n_true > 0e0 then class_recall end) as balanced_accuracy,
        {%- for name, share, in_mean in [
            ('macro_precision', 'precision', '1 = 1'), ('macro_recall', 'recall', '1 = 1'),
            ('balanced_accuracy', 'recall', 'n_true > 0e0')
        ] %}
        {#- with a hit and an error more, so that a class without either does not look certain, and what Student's t
            adds to the normal quantile #}
        {%- set n = share ~ '_rows' %}
        {%- set hits = '(class_' ~ share ~ ' * ' ~ n ~ ' + 1e0)' %}
        {%- set misses = '((1e0 - class_' ~ share ~ ') * ' ~ n ~ ' + 1e0)' %}
        sqrt(sum(case when {{ in_mean }} then {{ hits }} * {{ misses }} / power({{ n }} + 2e0, 3) end))
        / count(case when {{ in_mean }} then 1 end) * (1e0 + 1.21e0 / greatest(1e0, sum(n_true) - 1e0))
            as {{ name }}_error,
        {%- endfor %}
        {#- the shares of rows that agree by chance, and that two rows have the same label, or prediction #}
        sum(n_true * n_predicted) / (sum(n_true) * sum(n_true)) as agreed_by_chance,
        sum(n_true * n_true) / (sum(n_true) * sum(n_true)) as same_label,
        sum(n_predicted * n_predicted) / (sum(n_true) * sum(n_true)) as same_prediction
    from class_metrics
    group by {{ g }}
    {#- Without a single label that the version knows, nothing is judged. #}
    having sum(case when class_label in ({{ scorehouse._class_literals(spec) }}) then n_true else 0e0 end) > 0e0

),

{#- Gorodkin (2004), for the Matthews correlation of several classes. #}
agreements as (

    select
        *,
        (accuracy - agreed_by_chance) / nullif(1e0 - agreed_by_chance, 0e0) as cohen_kappa,
        case when (1e0 - same_label) * (1e0 - same_prediction) > 0e0 then
            (accuracy - agreed_by_chance) / sqrt((1e0 - same_label) * (1e0 - same_prediction))
        else 0e0 end as mcc
    from class_averages

),

cells as (

    select
        {{ g }}, y, yhat,
        {%- if spec.weight %}
        sum(w * w * w * w) as n_fourths,
        {%- endif %}
        {{ 'sum(w * w)' if spec.weight else 'count(*) * 1e0' }} as n_squares
    from usable
    group by {{ g }}, y, yhat

),

{#- How much a row of each cell moves the averages of F1: the delta method (Takahashi and others 2022,
    https://doi.org/10.1007/s10489-021-02635-5); and what kappa and the Matthews correlation are made of. -#}
moves as (

    select
        {{ 'cells.' ~ (g | replace(', ', ', cells.')) }},
        cells.n_squares,
        {{ 'cells.n_fourths,' if spec.weight }}
        {%- for name, label, predicted in [
            ('macro_f1', '1e0', '1e0'), ('weighted_f1', 'labels.n_true', 'predictions.n_true')
        ] %}
        {{ label }} * (case when cells.y = cells.yhat then 2e0 else 0e0 end - labels.class_f1)
            / (labels.n_true + labels.n_predicted)
        - coalesce(
            {{ predicted }} * predictions.class_f1 / (predictions.n_true + predictions.n_predicted), 0e0
        ) as {{ name }}_move,
        {%- endfor %}
        case when cells.y = cells.yhat then 1e0 else 0e0 end as is_hit,
        labels.n_predicted + coalesce(predictions.n_true, 0) as n_by_chance,
        labels.n_true as n_same_label,
        coalesce(predictions.n_predicted, 0) as n_same_prediction,
        labels.class_f1
    from cells
    inner join class_metrics as labels
        on {{ scorehouse._same_cohort('cells', 'labels') }} and cells.y = labels.class_label
    {#- a row without a prediction is wrong, and of no class #}
    left join class_metrics as predictions
        on {{ scorehouse._same_cohort('cells', 'predictions') }} and cells.yhat = predictions.class_label

),

average_errors as (

    select
        {{ 'agreements.' ~ (g | replace(', ', ', agreements.')) }},
        {#- as `_rows_of_share` counts them #}
        max(n) * max(n) / greatest(sum(n_squares), coalesce(
            sum(n_squares * power(is_hit - accuracy, 2)) / nullif(max(accuracy * (1e0 - accuracy)), 0e0), 0e0
        )) as accuracy_rows,
        {{ scorehouse._error_of_moves('macro_f1_move', spec) }} / max(n_classes) as macro_f1_error,
        {{ scorehouse._error_of_moves('(weighted_f1_move + class_f1 - weighted_f1)', spec) }}
            / max(n) as weighted_f1_error,
        {{ scorehouse._error_of_moves(kappa_move, spec) }} / max(n) as cohen_kappa_error,
        {{ scorehouse._error_of_moves(mcc_move, spec) }} / max(n) as mcc_error
    from moves
    inner join agreements
        on {{ scorehouse._same_cohort('moves', 'agreements') }}
    group by {{ 'agreements.' ~ (g | replace(', ', ', agreements.')) }}

),

averages as (

    select
        agreements.*,
        average_errors.accuracy_rows, average_errors.macro_f1_error, average_errors.weighted_f1_error,
        average_errors.cohen_kappa_error, average_errors.mcc_error
    from agreements
    left join average_errors
        on {{ scorehouse._same_cohort('agreements', 'average_errors') }}

)
{%- endmacro %}


{#- The error of a sum of what rows of `moves` move. With weights, times what Student's t adds to the normal quantile,
    to first order. Its degrees of freedom are how many rows of equal influence would vary as much (Satterthwaite 1946):
    fewer than by Kish, where heavy rows move most. -#}
{% macro _error_of_moves(move, spec) -%}
    {%- set squares = 'sum(n_squares * power(' ~ move ~ ', 2))' -%}
    sqrt({{ squares }})
    {%- if spec.weight %}
        {%- set fourths = 'sum(n_fourths * power(' ~ move ~ ', 4))' %}
        {%- set of_square = 'power(' ~ squares ~ ', 2)' %}
        * (1e0 + 1.21e0 * coalesce({{ fourths }}
            / nullif(greatest({{ of_square }} - {{ fourths }}, 1e-9 * {{ of_square }}), 0e0), 0e0))
    {%- endif %}
{%- endmacro %}
