{#- CTEs with a column for each multiclass metric, as scikit-learn defines them. -#}
{% macro _multiclass_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set texts = scorehouse._class_texts(spec.classes) %}
{% set scores = dict(zip(texts, scorehouse._each('score_<place>', texts))) %}
{% set log_of_label = 'ln(greatest(coalesce(own_score, 0e0), 2.220446049250313e-16))' %}
{#- Whether fewer than k classes have a higher score than the label's. -#}
{% set above = scorehouse._each('case when <value> > own_score then 1 else 0 end', scores.values()) %}
{% set in_first = 'case when own_score is not null and ' ~ (above | join(' + ')) ~ ' < ' ~ (spec.k | int)
    ~ ' then 1e0 else 0e0 end' %}
{{ scorehouse._multiclass_areas(spec, scores) }},

{{ scorehouse._multiclass_averages(spec) }},

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
    {{ return(scorehouse._text_literals(scorehouse._class_texts(spec.classes)) | join(', ')) }}
{% endmacro %}
