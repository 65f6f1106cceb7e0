{# The sources of the examples on Spark: views of the Parquet files in `folder`, which is an absolute path.
   dbt run-operation create_spark_sources --target spark --args '{folder: /srv/scorehouse/data}' #}
{% macro create_spark_sources(folder) %}
    {% set sources = {'nycflights13': ['flights', 'weather', 'planes'], 'online_retail': ['retail']} %}
    {% for schema, tables in sources.items() %}
        {% do run_query('create schema if not exists ' ~ schema) %}
        {% for table in tables %}
            {% do run_query(
                'create or replace view ' ~ schema ~ '.' ~ table
                ~ ' as select * from parquet.`' ~ folder ~ '/' ~ table ~ '.parquet`'
            ) %}
        {% endfor %}
    {% endfor %}
{% endmacro %}
