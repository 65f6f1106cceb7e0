{# A snapshot of passed-through columns and features, with a hash of each row's inputs, checked, and without
   the rows that the rule skips. #}
{% macro _warehouse_snapshot(snapshot, target_relation, scored) %}
    {% set columns = scored['keep'][:-1] %}
    {% set hashed = (scored['columns'] + columns[scored['key'] | length:]) | unique | list %}
    {# another threshold, class or reason changes a row whose features did not change #}
    {% set registry = scored['registry'] %}
    {% set decided = registry['classes'] ~ registry['threshold'] ~ (scored['reasons'] or '') %}
    {% set types = local_md5(scorehouse._warehouse_types(hashed) | join(', ') ~ decided) %}
    {% call statement('snapshot') %}
        {{ scorehouse._warehouse_create(snapshot, is_temporary=true) }}
        select
            {{ (columns + scored['columns']) | unique | join(', ') }},
            {{ scorehouse._warehouse_hash(types, hashed) }} as feature_hash
        from (
            {{ compiled_code }}
        ) as features
    {% endcall %}
    {% do scorehouse._warehouse_check_key(snapshot, columns[:scored['key'] | length]) %}

    {% if scored['write_mode'] == 'merge' and scored['rule'] in ['new', 'changed'] %}
        {% set states = {'new': 0, 'changed': 0, 'stale': 0, 'unchanged': 0, 'vanished': 0} %}
        {% for row in run_query(scorehouse._warehouse_states_sql(snapshot, target_relation, scored)).rows %}
            {% do states.update({row[0]: row[1] | int}) %}
        {% endfor %}
        {% do scored.update(states=states) %}
        {% call statement('leave_out') %}
            delete from {{ snapshot }} as new_rows
            where exists (
                select 1
                from {{ target_relation }} as old_rows
                where {{ scorehouse._same_key('old_rows', 'new_rows', scored['key']) }}
            {%- if scored['rule'] == 'changed' %}
                    and old_rows.feature_hash = new_rows.feature_hash
                    and old_rows.model_digest = '{{ scored['digest'] }}'
                    and old_rows.model_version = {{ scored['number'] }}
            {%- endif %}
            )
        {% endcall %}
    {% endif %}
{% endmacro %}


{# How many rows are in which state, as the run log counts them; what left the features stays in the table. #}
{% macro _warehouse_states_sql(snapshot, target_relation, scored) %}
    select state, count(*)
    from (
        select
            case
                when old_rows.scoring_run_id is null then 'new'
                when new_rows.feature_hash is null then 'vanished'
            {%- if scored['rule'] == 'changed' %}
                when old_rows.model_digest <> '{{ scored['digest'] }}'
                    or old_rows.model_version <> {{ scored['number'] }} then 'stale'
                when old_rows.feature_hash <> new_rows.feature_hash then 'changed'
            {%- endif %}
                else 'unchanged'
            end as state
        from {{ snapshot }} as new_rows
        full join {{ target_relation }} as old_rows on {{ scorehouse._same_key('old_rows', 'new_rows', scored['key']) }}
    ) as states
    group by 1
{% endmacro %}


{# The types of columns of the model's select, as text; no row is read. #}
{% macro _warehouse_types(columns) %}
    {% set types, type_of = [], {'duckdb': 'typeof', 'postgres': 'pg_typeof'}.get(target.type) %}
    {% if type_of %}
        {% set text = 'cast(' ~ type_of ~ '(features.<value>) as ' ~ dbt.type_string() ~ ')' %}
        {% set types = scorehouse._each(text, columns) %}
        {{ return(run_query(
            'select ' ~ types | join(', ') ~ ' from (select 1) as one left join (' ~ compiled_code
            ~ '\n) as features on false'
        ).rows[0].values()) }}
    {% endif %}
    {% set known = {} %}
    {% for column in adapter.get_column_schema_from_query(get_empty_subquery_sql(compiled_code)) %}
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


{#- Refuses keys that are NULL or not unique. -#}
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
{% endmacro %}
