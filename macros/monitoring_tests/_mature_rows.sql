{#- The rows of a performance table with a judged value: mature cohorts, by metric. With `undefined`, also those that
    have labels and no value. -#}
{% macro _mature_rows(model, metrics, segments, latest, min_labels, undefined=false) %}
    {%- set labelled = 'case when value is null then round(labels_arrived * n_reference) else n_current end' %}
    select * from {{ scorehouse._named(model, 'all_rows') }}
    where {{ scorehouse._has_value('all_rows', undefined) }}
        and status not in ('immature', 'complete')
        and metric in (
            {%- for metric in metrics %}{{ scorehouse._text_literal(metric) }}{{ ', ' if not loop.last }}{% endfor -%}
        )
        and {{ labelled if undefined else 'n_current' }} >= {{ min_labels }}
        {%- if not segments %}
        and segment = 'all'
        {%- endif %}
        {%- if latest %}
        and window_start = (
            select max(newest.window_start)
            from {{ scorehouse._named(model, 'newest') }}
            where newest.ml_model = all_rows.ml_model
                and newest.metric = all_rows.metric
                and {{ scorehouse._has_value('newest', undefined) }}
                and newest.status <> 'complete'
        )
        {%- endif %}
{% endmacro %}


{% macro _has_value(relation, undefined) %}
    {% set value = relation ~ '.value is not null' %}
    {{ return('(' ~ value ~ ' or ' ~ relation ~ ".status = 'undefined')" if undefined else value) }}
{% endmacro %}
