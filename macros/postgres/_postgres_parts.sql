{# Kept columns and features as they are at this moment, with a hash of each row's inputs, checked; and
   without the rows that the rule leaves out. #}
{% macro _postgres_snapshot(snapshot, target_relation, scored) %}
    {% set columns = [] %}
    {% for column in scored['kept'] %}
        {% do columns.append(scorehouse._quote(column)) %}
    {% endfor %}
    {% set hashed = (scored['columns'] + columns[scored['key'] | length:]) | unique | list %}
    {# a row's text does not show its types: 0.1 as real and as double precision are two numbers #}
    {% set types = local_md5(scorehouse._postgres_types(hashed) | join(', ')) %}
    {% call statement('snapshot') %}
        create temporary table {{ snapshot }} on commit drop as
        select
            {{ (columns + scored['columns']) | unique | join(', ') }},
            md5('{{ types }}' || row({{ hashed | join(', ') }})::text) as feature_hash
        from (
            {{ compiled_code }}
        ) as features
    {% endcall %}
    {% do scorehouse._postgres_check_key(snapshot, columns[:scored['key'] | length]) %}

    {% if scored['write_mode'] == 'merge' and scored['rule'] in ['new', 'changed'] %}
        {% call statement('leave_out') %}
            delete from {{ snapshot }} as new_rows
            using {{ target_relation }} as old_rows
            where {{ scorehouse._same_key('old_rows', 'new_rows', scored['key']) }}
            {%- if scored['rule'] == 'changed' %}
                and old_rows.feature_hash = new_rows.feature_hash
                and old_rows.model_digest = '{{ scored['digest'] }}'
                and old_rows.model_version = {{ scored['number'] }}
            {%- endif %}
        {% endcall %}
    {% endif %}
{% endmacro %}


{# The types of columns of the model's select, as text; no row of it is read. #}
{% macro _postgres_types(columns) %}
    {% set types = [] %}
    {% for column in columns %}
        {% do types.append('pg_typeof(features.' ~ column ~ ')::text') %}
    {% endfor %}
    {{ return(run_query(
        'select ' ~ types | join(', ') ~ ' from (select 1) as one left join (' ~ compiled_code
        ~ '\n) as features on false'
    ).rows[0].values()) }}
{% endmacro %}


{% macro _postgres_check_key(snapshot, key) %}
    {% set row = run_query(
        "select coalesce(sum(n), 0) as n_rows, coalesce(sum(case when n > 1 then n end), 0) as n_double,"
        ~ " coalesce(sum(case when "
        ~ key | join(' is null or ') ~ " is null then n end), 0) as n_null from (select " ~ key | join(', ')
        ~ ", count(*) as n from " ~ snapshot ~ " group by " ~ key | join(', ') ~ ") as keys"
    ).rows[0] %}
    {% if row['n_double'] or row['n_null'] %}
        {% do exceptions.raise_compiler_error(
            "scorehouse.scored() in " ~ model['name'] ~ ": of " ~ row['n_rows'] ~ " rows, " ~ row['n_double']
            ~ " share their key " ~ key | join(', ') ~ " with another and " ~ row['n_null'] ~ " have none.\n  Expected:"
            ~ " a key that is unique, without NULL.\n  What to do: correct the select, or name more columns as key."
        ) %}
    {% endif %}
{% endmacro %}


{# The new rows, as a table. #}
{% macro _postgres_staging_sql(snapshot, staging, scored) %}
    drop table if exists {{ staging }};
    create table {{ staging }} as
    {{ scorehouse._postgres_rows_sql(snapshot, scored) }}
{% endmacro %}


{# Rows of the prediction table: what is kept, what the compiled SQL makes, and where it came from. #}
{% macro _postgres_rows_sql(snapshot, scored) %}
    {% set kept = [] %}
    {% for column in scored['kept'] + ['feature_hash'] %}
        {% do kept.append(scorehouse._quote(column)) %}
    {% endfor %}
    {% set keep = kept | join(', ') ~ ', ' %}
    {% set body = scorehouse._filled_select(scored['select'], snapshot, keep, scored['columns']) %}
    {% set made = get_columns_in_query(body)[kept | length:] %}
    select
        {{ kept[:-1] | join(', ') }},
        {%- for column in made %}
        {{ scorehouse._quote(column) }},
        {%- endfor %}
        cast('{{ scored['name'] }}' as {{ dbt.type_string() }}) as model_name,
        {{ scored['number'] }} as model_version,
        cast('{{ scored['digest'] }}' as {{ dbt.type_string() }}) as model_digest,
        cast('{{ scored['run_id'] }}' as uuid) as scoring_run_id,
        {{ scorehouse._utc_now() }} as scored_at,
        feature_hash
    from (
        {{ body }}
    ) as scored
{% endmacro %}


{# Refuses a merge into a table of other columns before anything is scored; of other types where a value might
   change in the merge. #}
{% macro _postgres_check_columns(snapshot, target_relation, scored) %}
    {% if scored['write_mode'] != 'merge' %}
        {{ return('') }}
    {% endif %}
    {% set run = get_columns_in_query(scorehouse._postgres_rows_sql(snapshot, scored)) %}
    {% set types, has, lacks, retyped = {}, [], [], [] %}
    {% for column in adapter.get_columns_in_relation(target_relation) %}
        {% do types.update({column.name: column.data_type}) %}
        {% do has.append(column.name) if column.name not in run %}
    {% endfor %}
    {% for name in run if name not in types %}
        {% do lacks.append(name) %}
    {% endfor %}
    {% for column in adapter.get_columns_in_relation(snapshot) if column.name in scored['kept'] %}
        {% do retyped.append(column.name) if types.get(column.name, column.data_type) != column.data_type %}
    {% endfor %}
    {% if (has or lacks) and scorehouse._on_schema_change() in ['', 'fail'] or retyped %}
        {% do exceptions.raise_compiler_error(
            "scorehouse.scored() in " ~ model['name'] ~ ": the columns of " ~ target_relation
            ~ " are not those of this run: it lacks " ~ lacks ~ ", it has " ~ has
            ~ ", which this run does not make, and of another type are " ~ retyped
            ~ ".\n  Expected: the columns that the same arguments gave before.\n  What to do: "
            ~ ("set on_schema_change='append_new_columns' or 'sync_all_columns' in the model's config, or "
                if not retyped else '')
            ~ "rebuild the table once with --full-refresh."
        ) %}
    {% endif %}
{% endmacro %}


{# Adds and drops columns of the table as on_schema_change wants it. #}
{% macro _postgres_change_table(staging, target_relation) %}
    {% set setting = scorehouse._on_schema_change() %}
    {% set new, old = adapter.get_columns_in_relation(staging), adapter.get_columns_in_relation(target_relation) %}
    {% set added, dropped = [], [] %}
    {% for column in new if column.name not in old | map(attribute='name') %}
        {% do added.append(column) if setting in ['append_new_columns', 'sync_all_columns'] %}
    {% endfor %}
    {% for column in old if column.name not in new | map(attribute='name') %}
        {% do dropped.append(column) if setting == 'sync_all_columns' %}
    {% endfor %}
    {% for column in added %}
        {% call statement('add_column') %}
            alter table {{ target_relation }} add column {{ scorehouse._quote(column.name) }} {{ column.data_type }}
        {% endcall %}
    {% endfor %}
    {% for column in dropped %}
        {% call statement('drop_column') %}
            alter table {{ target_relation }} drop column {{ scorehouse._quote(column.name) }}
        {% endcall %}
    {% endfor %}
{% endmacro %}


{# Counts rows in and out, and writes the run's row; the run fails where they differ. #}
{% macro _postgres_log(snapshot, staging, scored) %}
    {% set row = run_query(scorehouse._postgres_counts_sql(snapshot, staging, scored)).rows[0] %}
    {% do scorehouse._postgres_check_counts(row, scored['arguments']['max_rejected_share']) %}
    {% set reasons = {} %}
    {% for reason in run_query(
        "select split_part(reject_reason, '=', 1), count(*) from " ~ staging
        ~ " where row_status = 'rejected' group by 1 order by 2 desc, 1 limit 20"
    ).rows %}
        {% do reasons.update({reason[0]: reason[1] | int}) %}
    {% endfor %}
    {% set rescore = {'rule': scored['rule'], 'vanished': 'keep'} %}
    {% set values = {
        'run_id': scored['run_id'],
        'parent_run_id': scored['run_id'],
        'status': 'success',
        'invocation_id': invocation_id,
        'node': model['unique_id'],
        'prediction_table': this | string,
        'materialization': 'predictions',
        'write_mode': scored['write_mode'],
        'engine': target.type,
        'model_name': scored['name'],
        'model_version': scored['number'],
        'alias_asked': none if scored['arguments']['version'] else scored['arguments']['alias'],
        'is_live': true,
        'model_digest': scored['digest'],
        'key_columns': tojson(scored['key']),
        'configuration': tojson(dict(scored['arguments'], rescore=rescore, key=scored['key'])),
        'rows_in': row['n_rows'],
        'rows_scored': row['n_scored'],
        'rows_rejected': row['n_rows'] - row['n_scored'],
        'reject_reasons': tojson(reasons),
        'feature_query': compiled_code,
        'input_fingerprint': row['fingerprint'],
        'feature_hash_kind': 'postgres:md5',
        'score_min': row['low'],
        'score_mean': row['middle'],
        'score_max': row['high'],
        'library_versions': tojson({'scorehouse': scorehouse._package_version(), 'database': row['database']}),
        'started_at': scored['started_at'],
        'seconds': row['seconds'],
        'rescore_rule': scored['rule'],
        'rows_left': 0,
        'form': 'sql',
        'form_reason': 'the one form on ' ~ target.type ~ ', proven at registration',
    } %}
    {% do scorehouse._delete_started(scored['run_id']) %}
    {% call statement('log_run') %}
        insert into {{ scorehouse.run_log_relation() }} ({{ values.keys() | join(', ') }}, finished_at)
        select
        {%- for value in values.values() %}
            {{ scorehouse._literal_or_null(value) }},
        {%- endfor %}
            cast(clock_timestamp() at time zone 'UTC' as timestamp)
    {% endcall %}
{% endmacro %}


{% macro _postgres_counts_sql(snapshot, staging, scored) %}
    {%- set outputs = [] -%}
    {%- for column in adapter.get_columns_in_relation(staging) if column.is_number() or column.is_float() -%}
        {%- do outputs.append(column.name) -%}
    {%- endfor -%}
    {%- set found = ['score', 'distance', 'prediction'] | select('in', outputs) | list -%}
    {%- set score = 'cast(' ~ (found | first or 'null') ~ ' as double precision)' -%}
    select
        count(*) as n_rows,
        count(*) filter (where row_status = 'scored') as n_scored,
        min({{ score }}) as low,
        avg({{ score }}) as middle,
        max({{ score }}) as high,
        (select count(*) from {{ snapshot }}) as n_features,
        count(*) || ':'
        || coalesce(sum(cast(cast('x' || left(feature_hash, 15) as bit(60)) as bigint)), 0) as fingerprint,
        current_setting('server_version') as database,
        extract(epoch from clock_timestamp() at time zone 'UTC' - timestamp '{{ scored['started_at'] }}') as seconds
    from {{ staging }}
{% endmacro %}


{% macro _postgres_check_counts(row, max_rejected_share) %}
    {% set rejected = row['n_rows'] - row['n_scored'] %}
    {% if row['n_rows'] != row['n_features'] %}
        {% do exceptions.raise_compiler_error(
            "scorehouse.scored() in " ~ model['name'] ~ ": " ~ row['n_features'] ~ " rows went in and " ~ row['n_rows']
            ~ " came out.\n  Expected: every row exactly once.\n  What to do: report this as a fault of scorehouse; the"
            ~ " previous table stands."
        ) %}
    {% elif max_rejected_share is not none and rejected > max_rejected_share * row['n_rows'] %}
        {% do exceptions.raise_compiler_error(
            "scorehouse.scored() in " ~ model['name'] ~ ": " ~ rejected ~ " of " ~ row['n_rows']
            ~ " rows are rejected.\n"
            ~ "  Expected: at most the share " ~ max_rejected_share ~ ".\n  What to do: look at the features, or raise"
            ~ " max_rejected_share; the previous table stands."
        ) %}
    {% endif %}
{% endmacro %}
