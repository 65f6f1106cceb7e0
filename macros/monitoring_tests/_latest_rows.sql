{#- All rows of a table of windows, or only the newest window of each ML model. -#}
{% macro _latest_rows(model, latest) %}
    select * from {{ model }} as all_rows
    {%- if latest %}
    where window_start is null
        or window_start = (
            select max(newest.window_start)
            from {{ model }} as newest
            where newest.ml_model = all_rows.ml_model
        )
    {%- endif %}
{% endmacro %}
