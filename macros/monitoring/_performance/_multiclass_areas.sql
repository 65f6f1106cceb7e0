{#- CTEs that end in `mean_areas`: ROC AUC by class, and averaged one-vs-rest and one-vs-one. It is undefined if a class
    has no labels, or if only one class has labels. `scores` are the columns of scores by class. -#}
{% macro _multiclass_areas(spec, scores) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set by_class = g ~ ', class_label' %}
{% set one = 'w' if spec.weight else '1e0' %}
{#- Of a row of `cumulated`: the share of the class above it, and of the other classes below it. -#}
{% set higher, lower = '((cum_pos - pos / 2e0) / nullif(all_pos, 0e0))', '(all_even - cum_even + even / 2e0)' %}
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

{{ scorehouse._cumulated_rows(
    'class_scores', by_class, 'class_score', 'is_true', spec, '(1e0 - is_true) * even_share'
) }},

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

)
{%- endmacro %}
