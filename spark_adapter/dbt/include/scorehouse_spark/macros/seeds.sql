{# On a session, dbt-spark binds seed values as Python strings: NULL becomes 'None', and a quote breaks the
   statement. These literals are correct instead. #}
{% macro scorehouse_spark__load_csv_rows(model, agate_table) %}
    {% set types = scorehouse_spark_seed_types(model, agate_table) %}
    {% set statements = [] %}
    {% for chunk in agate_table.rows | batch(get_batch_size()) %}
        {% set sql %}
            insert into {{ this.render() }} values
            {% for row in chunk -%}
                ({%- for value in row -%}
                    cast({{ scorehouse_spark_literal(value) }} as {{ types[loop.index0] }})
                    {%- if not loop.last %}, {% endif -%}
                {%- endfor -%})
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        {% endset %}
        {% do adapter.add_query(sql, abridge_sql_log=True) %}
        {% if loop.first %}{% do statements.append(sql) %}{% endif %}
    {% endfor %}
    {{ return(statements[0]) }}
{% endmacro %}


{% macro scorehouse_spark__create_csv_table(model, agate_table) %}
    {% set types = scorehouse_spark_seed_types(model, agate_table) %}
    {% set sql %}
        create table {{ this.render() }} (
            {%- for name in agate_table.column_names %}
            {{ adapter.quote(name) }} {{ types[loop.index0] }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
        {{ file_format_clause() }}
        {{ partition_cols(label="partitioned by") }}
        {{ location_clause() }}
        {{ comment_clause() }}
    {% endset %}
    {% call statement('_') %}{{ sql }}{% endcall %}
    {{ return(sql) }}
{% endmacro %}


{# The column types, by their names on Spark: the types of a registry are written the same way for every
   database. #}
{% macro scorehouse_spark_seed_types(model, agate_table) %}
    {% set given = model['config'].get('column_types', {}) %}
    {% set here = {'varchar': 'string', 'text': 'string', 'double precision': 'double'} %}
    {% set types = [] %}
    {% for name in agate_table.column_names %}
        {% set type = given.get(name) or adapter.convert_type(agate_table, loop.index0) %}
        {% do types.append(here.get(type | lower, type)) %}
    {% endfor %}
    {{ return(types) }}
{% endmacro %}


{% macro scorehouse_spark_literal(value) %}
    {% if value is none %}
        {{ return('null') }}
    {% endif %}
    {{ return("'" ~ (value | string) | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{% endmacro %}
