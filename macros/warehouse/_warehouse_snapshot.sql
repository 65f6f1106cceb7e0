{# A snapshot of passed-through columns and features, with a hash of each row's inputs, checked, and without
   the rows that the rule skips. #}
{% macro _warehouse_snapshot(snapshot, target_relation, scored) %}
    {% set columns, features, hashes, whens, order = scored['keep'][:-1], [], [], [], [] %}
    {% set key = columns[:scored['key'] | length] %}
    {% for part in scored['parts'] %}
        {% do features.extend(part['columns']) %}
    {% endfor %}
    {% set types = scorehouse._warehouse_types(
        scored['query'], (features + columns + scored['updated_at']) | unique | list
    ) %}
    {% for part in scored['parts'] %}
        {% do scorehouse._warehouse_check_features(scored, part, types) %}
        {% set own = (features if scored['is_wide'] else part['columns']) + columns[key | length:] %}
        {% set own, kinds = own | unique | list, [] %}
        {% for column in own %}
            {% do kinds.append(types[column]) %}
        {% endfor %}
        {% set function = 'md5' if target.type in ['bigquery', 'postgres'] else 'hash' %}
        {% set kinds = local_md5(kinds | join(', ')) %}
        {% do part.update(hash_kind=[target.type, function, kinds] | join(':')) %}
        {% do hashes.append(scorehouse._warehouse_hash(kinds, own)) %}
        {% do whens.append('when ' ~ key | last ~ ' = ' ~ scorehouse._text_literal(part['label']) ~ ' then '
            ~ hashes | last) %}
    {% endfor %}
    {# in the order of its bytes, as on other engines, and not of a language #}
    {% for column in (key[:-1] if scored['is_long'] else key) %}
        {% set is_text = target.type == 'postgres' and scorehouse._type_fits(types[column], 'string') %}
        {% do order.append('cast(' ~ column ~ ' as text) collate "C"' if is_text else column) %}
    {% endfor %}
    {% do scored.update(order=order) %}
    {% call statement('snapshot') %}
        {{ scorehouse._warehouse_create(snapshot, is_temporary=true) }}
        select
            {{ (columns + features) | unique | join(', ') }},
            {%- for column in scored['updated_at'] %}
            {{ scorehouse._warehouse_stamp(column, types[column]) }} as sh_updated,
            {%- endfor %}
            {{ hashes[0] if hashes | unique | list | length == 1 else 'case ' ~ whens | join(' ') ~ ' end' }}
                as feature_hash
        from (
            {{ scored['query'] }}
        ) as features
    {% endcall %}
    {% set n_rows = scorehouse._warehouse_check_key(snapshot, key, scored) %}
    {% if scored['updated_at'] %}
        {% do scored.update(watermark=run_query('select max(sh_updated) from ' ~ snapshot).rows[0][0]) %}
    {% endif %}
    {% set is_merged = scored['write_mode'] == 'merge' and scored['rule'] not in ['all', 'given'] %}
    {% if is_merged or scored['max_rows'] %}
        {% do scorehouse._warehouse_plan(snapshot, target_relation, scored, n_rows) %}
    {% elif scored['rule'] != 'given' %}
        {% do scorehouse._note_states(scored, [[none, 'new', n_rows]], n_rows) %}
    {% endif %}
{% endmacro %}


{# The types of columns of the model's select, as text, by their names; no row is read. #}
{% macro _warehouse_types(query, columns) %}
    {% set type_of = {'duckdb': 'typeof', 'postgres': 'pg_typeof'}.get(target.type) %}
    {% if type_of %}
        {% set text = 'cast(' ~ type_of ~ '(features.<value>) as ' ~ dbt.type_string() ~ ')' %}
        {% set types = run_query(
            'select ' ~ scorehouse._each(text, columns) | join(', ') ~ ' from (select 1) as one left join (' ~ query
            ~ '\n) as features on false'
        ).rows[0].values() | list %}
        {{ return(dict(zip(columns, types))) }}
    {% endif %}
    {% set found = adapter.get_column_schema_from_query(get_empty_subquery_sql(query)) %}
    {{ return(dict(zip(scorehouse._quoted(found | map(attribute='name')), found | map(attribute='data_type')))) }}
{% endmacro %}


{# SQL of a column of times or dates, in UTC and without a zone. #}
{% macro _warehouse_stamp(column, type) %}
    {% set has_zone = scorehouse._type_fits(type, 'timestamp with time zone') %}
    {% do scorehouse._check_facts('scorehouse.scored() in ' ~ model['name'], [
        (not has_zone and not scorehouse._type_fits(type, 'timestamp'),
            'updated_at is the column ' ~ column ~ ' of type ' ~ type | lower, 'a column of timestamps or dates',
            "cast it in the feature model, or use the rule 'changed'"),
    ]) %}
    {% set in_utc = scorehouse._by_database({
        'default': column ~ " at time zone 'UTC'",
        'duckdb': 'make_timestamp(epoch_us(' ~ column ~ '))',
        'snowflake': "convert_timezone('UTC', " ~ column ~ ')',
    }) if scorehouse._has_zone(type) else column %}
    {{ return('cast(' ~ in_utc ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
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


{#- Refuses keys that are NULL or not unique, and returns the number of rows of the features. -#}
{% macro _warehouse_check_key(snapshot, key, scored) %}
    {% set row = scorehouse._rows_of(
        "select coalesce(sum(n), 0) as n_rows, coalesce(sum(case when n > 1 then n end), 0) as n_double,"
        ~ " coalesce(sum(case when "
        ~ key | join(' is null or ') ~ " is null then n end), 0) as n_null from (select " ~ key | join(', ')
        ~ ", count(*) as n from " ~ snapshot ~ " group by " ~ key | join(', ') ~ ") as keys"
    )[0] %}
    {% set times = scored['parts'] | length if scored['is_long'] else 1 %} {# that each row of the features is there #}
    {% do scorehouse._check_facts('scorehouse.scored() in ' ~ model['name'], [
        (row['n_double'] or row['n_null'],
            'of ' ~ row['n_rows'] | int // times ~ ' rows, ' ~ row['n_double'] | int // times ~ ' share their key '
                ~ (key[:-1] if scored['is_long'] else key) | join(', ') ~ ' with another row and '
                ~ row['n_null'] | int // times ~ ' have NULL in it', 'a key that is unique, without NULL',
            'correct the select, or name more columns as key'),
    ]) %}
    {{ return(row['n_rows'] | int // times) }}
{% endmacro %}
