{#- What begins a CTE that is read several times. DuckDB and PostgreSQL would compute a view in it again for each
    reader; other databases know no such word, and decide for themselves. -#}
{% macro _as_computed_once() -%}
    {{ 'as materialized' if target.type in ('duckdb', 'postgres') else 'as' }}
{%- endmacro %}
