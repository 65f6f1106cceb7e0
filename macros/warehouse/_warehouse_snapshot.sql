{# A snapshot of passed-through columns and features, with a hash of each row's inputs, checked, and without
   the rows that the rule skips. #}
{% macro _warehouse_snapshot(snapshot, target_relation, scored) %}
    {% set columns = scored['keep'][:-1] %}
    {% set hashed = (scored['columns'] + columns[scored['key'] | length:]) | unique | list %}
    {% set key = columns[:scored['key'] | length] %}
    {% set found = scorehouse._warehouse_types(scored['query'], hashed + key) | list %}
    {% do scorehouse._warehouse_check_features(scored, found) %}
    {% set types, order = local_md5(found[:hashed | length] | join(', ')), [] %}
    {# in the order of its bytes, as on other engines, and not of a language #}
    {% for type in found[hashed | length:] %}
        {% set is_text = target.type == 'postgres' and scorehouse._type_fits(type, 'string') %}
        {% do order.append('cast(' ~ key[loop.index0] ~ ' as text) collate "C"' if is_text else key[loop.index0]) %}
    {% endfor %}
    {% do scored.update(order=order) %}
    {% call statement('snapshot') %}
        {{ scorehouse._warehouse_create(snapshot, is_temporary=true) }}
        select
            {{ (columns + scored['columns']) | unique | join(', ') }},
            {{ scorehouse._warehouse_hash(types, hashed) }} as feature_hash
        from (
            {{ scored['query'] }}
        ) as features
    {% endcall %}
    {% set n_rows = scorehouse._warehouse_check_key(snapshot, key) %}
    {% set is_merged = scored['write_mode'] == 'merge' and scored['rule'] in ['new', 'changed'] %}
    {% if is_merged or scored['max_rows'] %}
        {% do scorehouse._warehouse_plan(snapshot, target_relation, scored, n_rows) %}
    {% elif scored['rule'] != 'given' %}
        {% do scorehouse._note_states(scored, {'new': n_rows}, n_rows) %}
    {% endif %}
{% endmacro %}


{# The types of columns of the model's select, as text; no row is read. #}
{% macro _warehouse_types(query, columns) %}
    {% set types, type_of = [], {'duckdb': 'typeof', 'postgres': 'pg_typeof'}.get(target.type) %}
    {% if type_of %}
        {% set text = 'cast(' ~ type_of ~ '(features.<value>) as ' ~ dbt.type_string() ~ ')' %}
        {% set types = scorehouse._each(text, columns) %}
        {{ return(run_query(
            'select ' ~ types | join(', ') ~ ' from (select 1) as one left join (' ~ query
            ~ '\n) as features on false'
        ).rows[0].values()) }}
    {% endif %}
    {% set known = {} %}
    {% for column in adapter.get_column_schema_from_query(get_empty_subquery_sql(query)) %}
        {% do known.update({scorehouse._quote(column.name): column.data_type}) %}
    {% endfor %}
    {% for column in columns %}
        {% do types.append(known[column]) %}
    {% endfor %}
    {{ return(types) }}
{% endmacro %}


{# SQL of the hash of a row's inputs. `types` is a digest of their types, since the text or hash of a value need
   not show them: 0.1 as real and 0.1 as double precision are different numbers. On Snowflake it has 64 bits, and equal
   numbers of all types are equal.
   https://docs.snowflake.com/en/sql-reference/functions/hash
   https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#to_json_string #}
{% macro _warehouse_hash(types, columns) %}
    {% set values = columns | join(', ') %}
    {{ return(scorehouse._by_database({
        'default': "md5('" ~ types ~ "' || row(" ~ values ~ ")::text)",
        'duckdb': "hash('" ~ types ~ "', " ~ values ~ ")",
        'snowflake': "cast(hash('" ~ types ~ "', " ~ values ~ ") as varchar)",
        'bigquery': "to_hex(md5(concat('" ~ types ~ "', to_json_string(struct(" ~ values ~ ")))))",
    })) }}
{% endmacro %}


{#- Refuses keys that are NULL or not unique, and returns the number of rows. -#}
{% macro _warehouse_check_key(snapshot, key) %}
    {% set row = scorehouse._rows_of(
        "select coalesce(sum(n), 0) as n_rows, coalesce(sum(case when n > 1 then n end), 0) as n_double,"
        ~ " coalesce(sum(case when "
        ~ key | join(' is null or ') ~ " is null then n end), 0) as n_null from (select " ~ key | join(', ')
        ~ ", count(*) as n from " ~ snapshot ~ " group by " ~ key | join(', ') ~ ") as keys"
    )[0] %}
    {% if row['n_double'] or row['n_null'] %}
        {% do scorehouse._fail(
            'scorehouse.scored() in ' ~ model['name'],
            'of ' ~ row['n_rows'] | int ~ ' rows, ' ~ row['n_double'] | int ~ ' share their key ' ~ key | join(', ')
                ~ ' with another row and ' ~ row['n_null'] | int ~ ' have NULL in it',
            'a key that is unique, without NULL',
            'correct the select, or name more columns as key'
        ) %}
    {% endif %}
    {{ return(row['n_rows'] | int) }}
{% endmacro %}
