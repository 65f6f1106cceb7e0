{#- The rows of a performance table with a judged value: mature cohorts, by metric. -#}
{% macro _mature_rows(model, metrics, segments, latest, min_labels) %}
    select * from {{ scorehouse._named(model, 'all_rows') }}
    where value is not null
        and status not in ('immature', 'complete')
        and metric in (
            {%- for metric in metrics %}{{ scorehouse._text_literal(metric) }}{{ ', ' if not loop.last }}{% endfor -%}
        )
        and n_current >= {{ min_labels }}
        {%- if not segments %}
        and segment = 'all'
        {%- endif %}
        {%- if latest %}
        and window_start = (
            select max(newest.window_start)
            from {{ scorehouse._named(model, 'newest') }}
            where newest.ml_model = all_rows.ml_model
                and newest.metric = all_rows.metric
                and newest.value is not null
                and newest.status <> 'complete'
        )
        {%- endif %}
{% endmacro %}
