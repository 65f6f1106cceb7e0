{#- All rows of a table of windows, or only the newest window of each ML model. -#}
{% macro _latest_rows(model, latest) %}
    select * from {{ scorehouse._named(model, 'all_rows') }}
    {%- if latest %}
    where window_start is null
        or window_start = (
            select max(newest.window_start)
            from {{ scorehouse._named(model, 'newest') }}
            where newest.ml_model = all_rows.ml_model
        )
    {%- endif %}
{% endmacro %}
