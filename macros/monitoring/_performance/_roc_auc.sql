{#- The area under the ROC curve of the rows of `cumulated`, ties counting half; NULL where a side has no row. -#}
{% macro _roc_auc() -%}
    case when max(all_pos) > 0e0 and max(all_neg) > 0e0 then
            {{ scorehouse._total('neg * (cum_pos - pos / 2e0)') }} / max(all_pos) / max(all_neg)
        end
{%- endmacro %}
