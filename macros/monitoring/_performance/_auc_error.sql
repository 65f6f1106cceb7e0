{#- The standard error of the area under the ROC curve of the rows of `cumulated` (DeLong and others 1988); NULL if
    a side has fewer than two rows. It is the variance of the placements: of how many rows of the other side each row
    is ranked above. -#}
{% macro _auc_error() -%}
    {%- set above, below = '(all_neg - cum_neg + neg / 2e0)', '(cum_pos - pos / 2e0)' -%}
    case when max(all_pos) > 1e0 and max(all_neg) > 1e0 then sqrt(
            greatest(0e0, {{ scorehouse._total('pos * ' ~ above ~ ' * ' ~ above) }}
                - {{ scorehouse._total('pos * ' ~ above) }} * {{ scorehouse._total('pos * ' ~ above) }} / max(all_pos))
            / (max(all_neg) * max(all_neg) * (max(all_pos) - 1e0) * max(all_pos))
            + greatest(0e0, {{ scorehouse._total('neg * ' ~ below ~ ' * ' ~ below) }}
                - {{ scorehouse._total('neg * ' ~ below) }} * {{ scorehouse._total('neg * ' ~ below) }} / max(all_neg))
            / (max(all_pos) * max(all_pos) * (max(all_neg) - 1e0) * max(all_neg))
        ) end
{%- endmacro %}
