{#- The standard error of the area under the ROC curve of the rows of `cumulated` (DeLong and others 1988); NULL if
    a side has fewer than two rows. It is the variance of the placements: of how many rows of the other side each row
    is ranked above. `squares` names the sums of squared weights of both sides, by which weights are linearised;
    Student's t then adds to the normal quantile what it does for the smaller side, counted in rows of equal weight. -#}
{% macro _auc_error(squares=['pos', 'neg']) -%}
    case when max(all_pos) > 1e0 and max(all_neg) > 1e0 then sqrt(
            {{ scorehouse._placement_variance('pos', squares[0], '(all_neg - cum_neg + neg / 2e0)', 'max(all_neg)') }}
            + {{ scorehouse._placement_variance('neg', squares[1], '(cum_pos - pos / 2e0)', 'max(all_pos)') }}
        )
            {%- if squares != ['pos', 'neg'] %}
            * (1e0 + 1.21e0 / (least(max(all_pos), max(all_neg)) - 1e0))
            {%- endif %} end
{%- endmacro %}


{#- What the placements of one side add to the variance of the area; `others` is the weight of the other side. -#}
{% macro _placement_variance(side, square, place, others) -%}
    {%- set own = 'max(all_' ~ side ~ ')' -%}
    {%- set mean = '(' ~ scorehouse._total(side ~ ' * ' ~ place) ~ ' / ' ~ own ~ ')' -%}
    greatest(0e0, {{ scorehouse._total(square ~ ' * ' ~ place ~ ' * ' ~ place) }}
                {%- if square == side %}
                - {{ mean }} * {{ mean }} * {{ own }}
                {%- else %}
                - 2e0 * {{ mean }} * {{ scorehouse._total(square ~ ' * ' ~ place) }}
                + {{ mean }} * {{ mean }} * {{ scorehouse._total(square) }}
                {%- endif %}
            ) / ({{ others }} * {{ others }} * ({{ own }} - 1e0) * {{ own }})
{%- endmacro %}
