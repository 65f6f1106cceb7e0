{#- On DuckDB, where keys were forgotten: whether more rows are missing than the newest run of all rows left out, by the
    run log. A test with `where` has the table's name in its subquery; unquoted, it may begin that of another. -#}
{% macro _more_than_barred(model) %}
{% set log = scorehouse.run_log_relation() %}
{% if execute and target.type == 'duckdb' and adapter.get_relation(log.database, log.schema, 'scorehouse_forgotten') -%}
    and sum(greatest(n_features - n_predictions, 0)) over () > (
        select coalesce(arg_max(coalesce(rows_barred, 0), started_at), 0)
        from {{ log }}
        where contains({{ scorehouse._text_literal(' ' ~ model ~ ' ') }}, ' ' || prediction_table || ' ')
            and status = 'success'
            and slice_from is null
    )
{%- endif %}
{% endmacro %}
