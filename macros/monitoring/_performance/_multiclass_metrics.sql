{#- CTEs with a column for each multiclass metric, as scikit-learn defines them. Averages of
    precision, recall and F1 are over the classes that occur as a label or a prediction. ROC AUC is averaged
    one-vs-rest, and one-vs-one; it is undefined if a class has no labels, or if only one class has labels. -#}
{% macro _multiclass_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set by_class = g ~ ', class_label' %}
{% set scores = {} %}
{% for label in spec.classes %}
    {% do scores.update({scorehouse._class_text(label): 'score_' ~ loop.index0}) %}
{% endfor %}
{% set log_of_label = 'ln(greatest(coalesce(own_score, 0e0), 2.220446049250313e-16))' %}
{% set one = 'w' if spec.weight else '1e0' %}
{#- Of a row of `cumulated`: the share of the class above it, and of the other classes below it. -#}
{% set higher, lower = '((cum_pos - pos / 2e0) / nullif(all_pos, 0e0))', '(all_even - cum_even + even / 2e0)' %}
{#- Whether fewer than k classes have a higher score than the label's. -#}
{% set above = [] %}
{% for column in scores.values() %}
    {% do above.append('case when ' ~ column ~ ' > own_score then 1 else 0 end') %}
{% endfor %}
{% set in_first = 'case when own_score is not null and ' ~ (above | join(' + ')) ~ ' < ' ~ (spec.k | int)
    ~ ' then 1e0 else 0e0 end' %}
{#- Pairs of a class with each other class have the same mean as the class with all others together, if each of these
    has the same weight, whatever its number of labels: `even` of a row. -#}
even_labels as (

    select
        *,
        case when y in ({{ scorehouse._class_literals(spec) }}) then
            {{ one }} / sum({{ one }}) over (partition by {{ g }}, y) / {{ [1, spec.classes | length - 1] | max }}e0
        else 0e0 end as even
    from usable

),

class_scores as (
    {%- for label in spec.classes %}

    select
        {{ g }},
        {{ scorehouse._text_literal(scorehouse._class_text(label)) }} as class_label,
        score_{{ loop.index0 }} as class_score,
        case when y = {{ scorehouse._text_literal(scorehouse._class_text(label)) }} then 1e0 else 0e0 end as is_true,
        even
        {{- ', w' if spec.weight }}
    from even_labels
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

by_score as (

    select
        {{ by_class }},
        class_score,
        sum({{ scorehouse._weighted('is_true', spec) }}) as pos,
        sum({{ scorehouse._weighted('1e0 - is_true', spec) }}) as neg,
        sum((1e0 - is_true) * even) as even,
        sum((1e0 - is_true) * even * even) as even_squares
    from class_scores
    group by {{ by_class }}, class_score

),

{{ scorehouse._cumulated('by_score', by_class, 'class_score', ['pos', 'neg', 'even']) }},

areas as (

    select
        {{ by_class }},
        sum(pos) as n_class,
        least(sum(pos), sum(neg)) as n_side,
        {{ scorehouse._roc_auc() }} as roc_auc,
        {{ scorehouse._auc_error() }} as roc_auc_error,
        {{ scorehouse._total('even * ' ~ higher) }} as even_area,
        {#- DeLong's, with weights; the spread of each other class is taken around the mean of all, so it is no less. #}
        case when max(all_pos) > 1e0 then
            greatest(0e0, {{ scorehouse._total('pos * ' ~ lower ~ ' * ' ~ lower) }}
                - {{ scorehouse._total('pos * ' ~ lower) }} * {{ scorehouse._total('pos * ' ~ lower) }} / max(all_pos))
            / (max(all_pos) * (max(all_pos) - 1e0))
        end as even_spread,
        {{ scorehouse._total('even_squares * ' ~ higher ~ ' * ' ~ higher) }} as even_second,
        {{ scorehouse._total('even_squares * ' ~ higher) }} as even_first,
        {{ scorehouse._total('even_squares') }} as even_whole
    from cumulated
    group by {{ by_class }}

),

mean_areas as (

    select
        {{ g }},
        min(n_side) as n_side,
        case when count(*) = count(roc_auc) then avg(roc_auc) end as roc_auc_ovr,
        case when count(*) = count(roc_auc) then sum(roc_auc * n_class) / sum(n_class) end as roc_auc_ovr_weighted,
        case when count(*) = count(roc_auc) then avg(even_area) end as roc_auc_ovo,
        {#- no less than the error of the mean, however the classes hang together #}
        case when count(*) = count(roc_auc_error) then avg(sqrt(even_spread + greatest(0e0,
            even_second - 2e0 * even_area * even_first + even_area * even_area * even_whole
        ))) end as roc_auc_ovo_error,
        case when count(*) = count(roc_auc_error) then avg(roc_auc_error) end as roc_auc_ovr_error,
        case when count(*) = count(roc_auc_error) then sum(roc_auc_error * n_class) / sum(n_class) end
            as roc_auc_ovr_weighted_error
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
        2e0 * n_hit / (n_true + n_predicted) as class_f1,
        n_true / weight_scale as n_labels
    from class_counts

),

class_averages as (

    select
        {{ g }},
        count(*) * 1e0 as n_classes,
        sum(n_hit) / sum(n_true) as accuracy,
        {%- for name, n in [('precision', 'n_predicted'), ('recall', 'n_true')] %}
        {#- with a hit and an error more, so that a class without either does not look certain #}
        sqrt(sum((n_hit + 1e0) * ({{ n }} - n_hit + 1e0) / (({{ n }} + 2e0) * ({{ n }} + 2e0) * ({{ n }} + 2e0))))
        / count(*) as macro_{{ name }}_error,
        {%- endfor %}
        sum(n_true) as n,
        sum(n_true) / count(*) as n_side,
        avg(class_precision) as macro_precision,
        avg(class_recall) as macro_recall,
        avg(class_f1) as macro_f1,
        sum(class_f1 * n_true) / sum(n_true) as weighted_f1,
        avg(case when n_true > 0e0 then class_recall end) as balanced_accuracy,
        sqrt(sum(case when n_true > 0e0 then
            (n_hit + 1e0) * (n_true - n_hit + 1e0) / ((n_true + 2e0) * (n_true + 2e0) * (n_true + 2e0))
        end)) / count(case when n_true > 0e0 then 1 end) as balanced_accuracy_error,
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

    select {{ g }}, y, yhat, sum({{ one }}) as n_cell
    from usable
    group by {{ g }}, y, yhat

),

{#- How much a row of each cell moves the averages of F1: the delta method (Takahashi and others 2022,
    https://doi.org/10.1007/s10489-021-02635-5); and what kappa and the Matthews correlation are made of. -#}
moves as (

    select
        {{ 'cells.' ~ (g | replace(', ', ', cells.')) }},
        cells.n_cell,
        {%- for name, label, predicted in [
            ('macro_f1', '1e0', '1e0'), ('weighted_f1', 'labels.n_true', 'predictions.n_true')
        ] %}
        {{ label }} * (case when cells.y = cells.yhat then 2e0 else 0e0 end - labels.class_f1)
            / (labels.n_true + labels.n_predicted)
        - {{ predicted }} * predictions.class_f1 / (predictions.n_true + predictions.n_predicted) as {{ name }}_move,
        {%- endfor %}
        case when cells.y = cells.yhat then 1e0 else 0e0 end as is_hit,
        labels.n_predicted + predictions.n_true as n_by_chance,
        labels.n_true as n_same_label,
        predictions.n_predicted as n_same_prediction,
        labels.class_f1
    from cells
    inner join class_metrics as labels
        on {{ scorehouse._same_cohort('cells', 'labels') }} and cells.y = labels.class_label
    inner join class_metrics as predictions
        on {{ scorehouse._same_cohort('cells', 'predictions') }} and cells.yhat = predictions.class_label

),

average_errors as (

    select
        {{ 'agreements.' ~ (g | replace(', ', ', agreements.')) }},
        sqrt(sum(n_cell * macro_f1_move * macro_f1_move)) / max(n_classes) as macro_f1_error,
        sqrt(sum(
            n_cell * (weighted_f1_move + class_f1 - weighted_f1) * (weighted_f1_move + class_f1 - weighted_f1)
        )) / max(n) as weighted_f1_error,
        sqrt(sum(n_cell * power(
            (is_hit - accuracy) / nullif(1e0 - agreed_by_chance, 0e0)
            - (n_by_chance / n - 2e0 * agreed_by_chance) * (1e0 - cohen_kappa) / nullif(1e0 - agreed_by_chance, 0e0), 2
        ))) / max(n) as cohen_kappa_error,
        sqrt(sum(n_cell * power(
            (is_hit - accuracy - n_by_chance / n + 2e0 * agreed_by_chance)
            / nullif(sqrt((1e0 - same_label) * (1e0 - same_prediction)), 0e0)
            + mcc * (n_same_label / n - same_label) / nullif(1e0 - same_label, 0e0)
            + mcc * (n_same_prediction / n - same_prediction) / nullif(1e0 - same_prediction, 0e0), 2
        ))) / max(n) as mcc_error
    from moves
    inner join agreements
        on {{ scorehouse._same_cohort('moves', 'agreements') }}
    group by {{ 'agreements.' ~ (g | replace(', ', ', agreements.')) }}

),

averages as (

    select
        agreements.*,
        average_errors.macro_f1_error, average_errors.weighted_f1_error,
        average_errors.cohen_kappa_error, average_errors.mcc_error
    from agreements
    left join average_errors
        on {{ scorehouse._same_cohort('agreements', 'average_errors') }}

),

{#- A label that the version does not know has the probability 0, clipped like any other. -#}
losses as (

    select
        {{ g }},
        -{{ scorehouse._weighted_mean(log_of_label, spec) }} as log_loss,
        {{ scorehouse._weighted_deviation(log_of_label, spec) }} as log_loss_deviation,
        {{ scorehouse._weighted_mean(in_first, spec) }} as top_k_accuracy,
        {{ scorehouse._row_weights(spec) }} as n
    from (select *, {{ scorehouse._case_of('y', scores) }} as own_score from usable) as scored
    group by {{ g }}
    having sum(case when y in ({{ scorehouse._class_literals(spec) }}) then 1 else 0 end) > 0

)
{%- endmacro %}


{#- The classes as they are written in `y`, separated by commas. -#}
{% macro _class_literals(spec) %}
    {% set found = [] %}
    {% for label in spec.classes %}
        {% do found.append(scorehouse._text_literal(scorehouse._class_text(label))) %}
    {% endfor %}
    {{ return(found | join(', ')) }}
{% endmacro %}
