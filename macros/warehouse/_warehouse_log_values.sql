{# Counts rows in and rows out of a version, and returns its row of the log; the run fails if the counts differ. #}
{% macro _warehouse_log_values(snapshot, staging, part, scored) %}
    {% set row = scorehouse._rows_of(scorehouse._warehouse_counts_sql(snapshot, staging, part, scored))[0] %}
    {# some adapters return whole numbers as 500.0 #}
    {% for name in ['n_rows', 'n_scored', 'n_features'] %}
        {% do row.update({name: row[name] | int}) %}
    {% endfor %}
    {% do scorehouse._warehouse_check_counts(row, scored['arguments']['max_rejected_share']) %}
    {% set reasons, reason_of = {}, scorehouse._identifier('reject_reason' ~ part['suffix']) %}
    {% for reason in run_query(
        "select " ~ dbt.split_part(reason_of, "'='", 1) ~ ", count(*) from " ~ staging ~ " where " ~ reason_of
        ~ " is not null" ~ (" and scoring_run_id = '" ~ part['run_id'] ~ "'" if scored['is_long'])
        ~ " group by 1 order by 2 desc, 1 limit 20"
    ).rows %}
        {% do reasons.update({reason[0]: reason[1] | int}) %}
    {% endfor %}
    {% set facts, slice = part['registry'], scored['slice'] %}
    {% set configuration = dict(
        scored['arguments'],
        rescore={'rule': scored['rule'], 'vanished': scored['vanished']},
        key=scored['key'],
        decision=scored['policy'],
        registry={
            'classes': facts['classes'], 'class_columns': facts['class_columns'], 'threshold': facts['threshold']
        }
    ) %}
    {% set states = part['states'] %}
    {% set wanted = states.get('new', 0) + states.get('changed', 0) + states.get('stale', 0) %}
    {% set stages = '; in ' ~ (part['stages'] | length + 1) ~ ' stages, since one statement would be too long'
        if part['stages'] else '' %}
    {% set values = {
        'run_id': part['run_id'],
        'parent_run_id': scored['parts'][0]['run_id'],
        'status': 'success',
        'invocation_id': invocation_id,
        'node': model['unique_id'],
        'prediction_table': this | string,
        'materialization': 'predictions',
        'write_mode': scored['write_mode'],
        'engine': target.type,
        'model_name': scored['name'],
        'model_version': part['number'],
        'alias_asked': part['alias'],
        'is_live': part['is_live'],
        'model_digest': part['digest'],
        'key_columns': tojson(scored['key']),
        'configuration': tojson(configuration),
        'rows_in': row['n_rows'],
        'rows_scored': row['n_scored'],
        'rows_rejected': row['n_rows'] - row['n_scored'],
        'reject_reasons': tojson(reasons),
        'feature_query': scored['feature_query'],
        'input_fingerprint': row['fingerprint'],
        'feature_hash_kind': part['hash_kind'],
        'score_min': row['low'],
        'score_mean': row['middle'],
        'score_max': row['high'],
        'library_versions': tojson({'scorehouse': scorehouse._package_version(), 'database': row['database_version']}),
        'started_at': scored['started_at'],
        'seconds': row['seconds'],
        'rescore_rule': scored['rule'],
        'rows_left': [wanted - row['n_rows'], 0] | max,
        'scoring_basis': part['basis'],
        'watermark': none if scored['watermark'] is none else scored['watermark'] | string,
        'slice_from': slice['from'] or none,
        'slice_to': slice['to'] or none,
        'backend': 'sql',
        'backend_reason': 'the one backend on ' ~ target.type ~ ', proven at registration' ~ stages,
    } %}
    {% do values.update(scorehouse._decision_settings(scored['policy'])) %}
    {% do values.update(dict(zip(scorehouse._each('rows_<value>', states), states.values()))) %}
    {{ return(values) }}
{% endmacro %}


{# The statements that write the rows of the run's versions in place of the one that it began with. #}
{% macro _warehouse_log_sql(rows) %}
    {% set statements = ['delete from ' ~ scorehouse.run_log_relation() ~ " where parent_run_id = '" ~ rows[0]['run_id']
        ~ "' and status = 'started'"] %}
    {% for values in rows %}
        {% do statements.append(scorehouse._insert_run_sql(values, ['finished_at'], scorehouse._warehouse_now())) %}
    {% endfor %}
    {{ return(statements) }}
{% endmacro %}


{#- The counts, the range of the score and the fingerprint of the rows of a version. -#}
{% macro _warehouse_counts_sql(snapshot, staging, part, scored) %}
    {%- set now, since, found = scorehouse._warehouse_now(), scored['started_at'], [] -%}
    {%- set columns = adapter.get_columns_in_relation(staging) -%} {#- some may have a type without a name -#}
    {%- for wanted in ['score', 'distance', 'prediction'] -%}
        {%- for column in columns if column.name | lower == (wanted ~ part['suffix']) | lower
            and scorehouse._type_fits(column.data_type, 'double') -%}
            {%- do found.append(scorehouse._quote(column.name)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set score = 'cast(' ~ (found | first or 'null') ~ ' as ' ~ scorehouse._type_double() ~ ')' -%}
    {%- set label = scorehouse._quote(scored['key'] | last) ~ ' = ' ~ scorehouse._text_literal(part['label']) -%}
    {%- set reason = scorehouse._identifier('reject_reason' ~ part['suffix']) -%}
    {%- set text = dbt.type_string() -%}
    {%- set hash_sum = scorehouse._by_database({
        'default': "sum(cast(cast('x' || left(feature_hash, 15) as bit(60)) as bigint))",
        'duckdb': 'sum(feature_hash)',
        'snowflake': 'sum(cast(right(feature_hash, 15) as integer))',
        'bigquery': "bit_xor(cast(concat('0x', substr(feature_hash, 1, 15)) as int64))",
    }) -%} {#- on BigQuery, a sum of integers would overflow -#}
    select
        count(*) as n_rows,
        coalesce(sum(case when {{ reason }} is null then 1 else 0 end), 0) as n_scored,
        min({{ score }}) as low,
        avg({{ score }}) as middle,
        max({{ score }}) as high,
        (select count(*) from {{ snapshot }}{{ ' where ' ~ label if scored['is_long'] }}) as n_features,
        cast(count(*) as {{ text }}) || ':' || cast(coalesce({{ hash_sum }}, 0) as {{ text }})
            as fingerprint,
        {{ scorehouse._by_database({
            'default': "current_setting('server_version')",
            'duckdb': 'version()',
            'snowflake': 'current_version()',
            'bigquery': "''",
        }) }} as database_version,
        {{ scorehouse._by_database({
            'default': 'extract(epoch from ' ~ now ~ " - timestamp '" ~ since ~ "')",
            'snowflake': "datediff('millisecond', cast('" ~ since ~ "' as timestamp_ntz), " ~ now ~ ') / 1000e0',
            'bigquery': 'timestamp_diff(' ~ now ~ ", timestamp '" ~ since ~ "', millisecond) / 1000",
        }) }} as seconds
    from {{ staging }}
    {{- " where scoring_run_id = '" ~ part['run_id'] ~ "'" if scored['is_long'] }}
{% endmacro %}


{#- SQL of the time now in UTC. PostgreSQL's `current_timestamp` would be the time when the transaction began. -#}
{% macro _warehouse_now() %}
    {{ return("cast(clock_timestamp() at time zone 'UTC' as timestamp)" if target.type == 'postgres'
        else scorehouse._utc_now()) }}
{% endmacro %}


{#- Fails a run that lost or duplicated rows, or rejected too many. -#}
{% macro _warehouse_check_counts(row, max_rejected_share) %}
    {% set rejected = row['n_rows'] - row['n_scored'] %}
    {% do scorehouse._check_facts('scorehouse.scored() in ' ~ model['name'], [
        (row['n_rows'] != row['n_features'],
            row['n_features'] ~ ' rows went in and ' ~ row['n_rows'] ~ ' came out', 'every row exactly once',
            'report this as a bug in scorehouse; the previous table is unchanged'),
        (max_rejected_share is not none and rejected > max_rejected_share * row['n_rows'],
            rejected ~ ' of ' ~ row['n_rows'] ~ ' rows are rejected', 'at most the share ' ~ max_rejected_share,
            'look at the features, or raise max_rejected_share; the previous table is unchanged'),
    ]) %}
{% endmacro %}
