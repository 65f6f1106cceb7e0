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
{#- The influence of a row on the area of a class: its place among the rows of the other side, less the mean place. -#}
{% set own_move = '(all_neg - cum_neg + neg / 2e0 - areas.roc_auc * all_neg)' %}
{% set other_move = '(cum_pos - pos / 2e0 - areas.roc_auc * all_pos)' %}
{% set influence = '(case when is_true = 1e0 then ' ~ own_move ~ ' else ' ~ other_move
    ~ ' end / nullif(all_pos * all_neg, 0e0))' %}
{#- Pairs of a class with each other class have the same mean as the class with all others together, if each of these
    has the same weight, whatever its number of labels: `even_share` of a row. -#}
class_scores as (

    select
        numbered.*,
        class_label,
        {{ scorehouse._case_of('class_label', scores) }} as class_score,
        case when y = class_label then 1e0 else 0e0 end as is_true
    from (
        select
            *,
            row_number() over (partition by {{ g }} order by score) as row_place,
            case when y in ({{ scorehouse._class_literals(spec) }}) then
                {{ one }} / sum({{ one }}) over (partition by {{ g }}, y) / {{ [1, spec.classes | length - 1] | max }}e0
            else 0e0 end as even_share
        from usable
    ) as numbered
    cross join ({{ scorehouse._given_names('class_label', scores.keys() | list) }}) as class_labels

),

by_score as (

    select
        {{ by_class }},
        class_score,
        sum({{ scorehouse._weighted('is_true', spec) }}) as pos,
        sum({{ scorehouse._weighted('1e0 - is_true', spec) }}) as neg,
        {%- if spec.weight %}
        sum(is_true * w * w) as pos_squares,
        sum((1e0 - is_true) * w * w) as neg_squares,
        {%- endif %}
        sum((1e0 - is_true) * even_share) as even
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
        {{ scorehouse._auc_error(['pos_squares', 'neg_squares'] if spec.weight else ['pos', 'neg']) }} as roc_auc_error,
        {{ scorehouse._total('even * ' ~ higher) }} as even_area
    from cumulated
    group by {{ by_class }}

),

{#- How much a row moves each mean, over all classes: areas of one row hang together. -#}
area_moves as (

    select
        {{ 'class_scores.' ~ (g | replace(', ', ', class_scores.')) }},
        max(case when class_scores.y in ({{ scorehouse._class_literals(spec) }}) then class_scores.y end) as y,
        {%- if spec.weight %}
        max(class_scores.w) as w,
        {%- endif %}
        avg({{ influence }}) as ovr_move,
        sum(all_pos * {{ influence }} + is_true * areas.roc_auc) / max(all_pos + all_neg) as ovr_weighted_move,
        avg(case
            when is_true = 1e0 then {{ lower }} / nullif(all_pos, 0e0)
            else even_share / {{ 'class_scores.w' if spec.weight else '1e0' }} * {{ higher }}
        end) as ovo_move
    from class_scores
    inner join cumulated
        on {{ scorehouse._same_cohort('class_scores', 'cumulated') }}
        and class_scores.class_label = cumulated.class_label
        and class_scores.class_score = cumulated.class_score
    inner join areas
        on {{ scorehouse._same_cohort('class_scores', 'areas') }} and class_scores.class_label = areas.class_label
    group by {{ 'class_scores.' ~ (g | replace(', ', ', class_scores.')) }}, class_scores.row_place

),

moves_by_class as (

    select
        {{ g }},
        {{ scorehouse._row_weights(spec) }} as n,
        {{ 'sum(w * w)' if spec.weight else 'count(*) * 1e0' }} as squares,
        {%- for name in ['ovr', 'ovr_weighted', 'ovo'] %}
        coalesce({{ scorehouse._weighted_deviation(name ~ '_move', spec) }}, 0e0) as {{ name }}_deviation,
        {{ scorehouse._weighted_mean(name ~ '_move', spec) }} as {{ name }}_mean{{ ',' if not loop.last }}
        {%- endfor %}
    from area_moves
    group by {{ g }}, y

),

area_errors as (

    select
        {{ g }},
        {%- for name in ['ovr', 'ovr_weighted'] %}
        {%- set move = name ~ '_mean' %}
        {%- set mean = '(sum(n * ' ~ move ~ ') / sum(n))' %}
        sqrt(sum(n * {{ name }}_deviation * {{ name }}_deviation) + greatest(0e0, sum(squares * {{ move }} * {{ move }})
            - 2e0 * {{ mean }} * sum(squares * {{ move }}) + {{ mean }} * {{ mean }} * sum(squares)
        )) as roc_auc_{{ name }}_error,
        {%- endfor %}
        sqrt(sum(n * ovo_deviation * ovo_deviation)) as roc_auc_ovo_error
    from moves_by_class
    group by {{ g }}

),

mean_areas as (

    select
        {{ 'areas.' ~ (g | replace(', ', ', areas.')) }},
        min(n_side) as n_side,
        case when count(*) = count(roc_auc) then avg(roc_auc) end as roc_auc_ovr,
        case when count(*) = count(roc_auc) then sum(roc_auc * n_class) / sum(n_class) end as roc_auc_ovr_weighted,
        case when count(*) = count(roc_auc) then avg(even_area) end as roc_auc_ovo
        {%- for name in ['ovr', 'ovr_weighted', 'ovo'] %},
        case when count(*) = count(roc_auc_error) then max(roc_auc_{{ name }}_error) end as roc_auc_{{ name }}_error
        {%- endfor %}
    from areas
    inner join area_errors
        on {{ scorehouse._same_cohort('areas', 'area_errors') }}
    group by {{ 'areas.' ~ (g | replace(', ', ', areas.')) }}

),

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
        {#- with a hit and an error more, so that a class without either does not look certain #}
        {%- set n = share ~ '_rows' %}
        {%- set hits = '(class_' ~ share ~ ' * ' ~ n ~ ' + 1e0)' %}
        {%- set misses = '((1e0 - class_' ~ share ~ ') * ' ~ n ~ ' + 1e0)' %}
        sqrt(sum(case when {{ in_mean }} then {{ hits }} * {{ misses }} / power({{ n }} + 2e0, 3) end))
        / count(case when {{ in_mean }} then 1 end) as {{ name }}_error,
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

    select {{ g }}, y, yhat, {{ 'sum(w * w)' if spec.weight else 'count(*) * 1e0' }} as n_squares
    from usable
    group by {{ g }}, y, yhat

),

{#- How much a row of each cell moves the averages of F1: the delta method (Takahashi and others 2022,
    https://doi.org/10.1007/s10489-021-02635-5); and what kappa and the Matthews correlation are made of. -#}
moves as (

    select
        {{ 'cells.' ~ (g | replace(', ', ', cells.')) }},
        cells.n_squares,
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
        sqrt(sum(n_squares * macro_f1_move * macro_f1_move)) / max(n_classes) as macro_f1_error,
        sqrt(sum(
            n_squares * (weighted_f1_move + class_f1 - weighted_f1) * (weighted_f1_move + class_f1 - weighted_f1)
        )) / max(n) as weighted_f1_error,
        sqrt(sum(n_squares * power(
            (is_hit - accuracy) / nullif(1e0 - agreed_by_chance, 0e0)
            - (n_by_chance / n - 2e0 * agreed_by_chance) * (1e0 - cohen_kappa) / nullif(1e0 - agreed_by_chance, 0e0), 2
        ))) / max(n) as cohen_kappa_error,
        sqrt(sum(n_squares * power(
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
        average_errors.accuracy_rows, average_errors.macro_f1_error, average_errors.weighted_f1_error,
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
        -min({{ log_of_label }}) as log_loss_largest,
        {{ scorehouse._weighted_mean(in_first, spec) }} as top_k_accuracy,
        {{ scorehouse._rows_of_share(in_first, spec) }} as top_k_rows,
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
