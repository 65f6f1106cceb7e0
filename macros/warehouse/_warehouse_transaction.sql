{# One text with all statements of a transaction, as a script of the database. #}
{% macro _warehouse_transaction(parts) %}
    {{ return(adapter.dispatch('_warehouse_transaction', 'scorehouse')(parts | select | join(';\n'))) }}
{% endmacro %}

{% macro default___warehouse_transaction(text) %}
    {{ return('begin transaction;\n' ~ text ~ ';\ncommit transaction') }}
{% endmacro %}

{% macro duckdb___warehouse_transaction(text) %}
    {{ return('begin transaction;\n' ~ text ~ ';\ncommit') }}
{% endmacro %}

{# dbt's adapter knows these two statements by their text #}
{% macro snowflake___warehouse_transaction(text) %}
    {{ return('begin;\n' ~ text ~ ';\ncommit;') }}
{% endmacro %}


{# A statement that fails, and the transaction with it, unless the table has the rows of the run. #}
{% macro _warehouse_check_sql(relation, scored, rows_in) %}
    {% set text = dbt.type_string() %}
    {% set problem = "'scorehouse: " ~ rows_in ~ " rows went in, and ' || cast(count(*) as " ~ text
        ~ ") || ' are in the table; report this as a bug'" %}
    {{ return(
        'select case when count(*) <> ' ~ rows_in ~ ' then '
        ~ adapter.dispatch('_warehouse_raise', 'scorehouse')(problem) ~ ' end from ' ~ relation
        ~ " where scoring_run_id = '" ~ scored['run_id'] ~ "'"
    ) }}
{% endmacro %}

{% macro default___warehouse_raise(text) %}
    {{ return('error(' ~ text ~ ')') }}
{% endmacro %}

{# Snowflake has no such function: its error about a text that is no number shows the text #}
{% macro snowflake___warehouse_raise(text) %}
    {{ return('cast(' ~ text ~ ' as integer)') }}
{% endmacro %}
