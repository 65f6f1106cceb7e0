{# The request to the runtime, in the form in which the compiled code contains it. #}
{% macro _scoring_request(existing, staging, slice) %}
    {{ return({
        'package_version': scorehouse._package_version(),
        'run_id': scorehouse._scoring_run_id(slice['from']),
        'invocation_id': invocation_id,
        'node': model['unique_id'],
        'relation': this | string,
        'staging': staging | string,
        'vanished': scorehouse._beside(staging, '_vanished') | string,
        'slice_from': slice['from'],
        'slice_to': slice['to'],
        'event_time': slice.get('event_time', ''),
        'is_partial': true if flags.EMPTY or invocation_args_dict.get('sample') else false,
        'is_empty': true if flags.EMPTY else false,
        'run_log': scorehouse.run_log_relation() | string,
        'project_root': invocation_args_dict.get('project_dir') or '',
        'load_policy': var('scorehouse_load_policy', {}),
        'exists': existing is not none and existing.is_table,
        'full_refresh': slice.get('full_refresh', should_full_refresh()),
        'materialization': 'predictions',
        'on_schema_change': scorehouse._on_schema_change(),
        'memory_limit': var('scorehouse_memory_limit', 'auto'),
        'dbt_threads': target.threads,
        'lease_hours': var('scorehouse_spark_lease_hours', 24),
        'registries': scorehouse._registries(),
        'registry_files': var('scorehouse_registry_files', {})
    }) }}
{% endmacro %}


{# The id of a scoring run, a UUID: the same for everything in one pass of a model. #}
{% macro _scoring_run_id(pass, node=none) %}
    {% set digest = local_md5(invocation_id ~ '|' ~ (node or model['unique_id']) ~ '|' ~ pass) %}
    {{ return([digest[0:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]] | join('-')) }}
{% endmacro %}


{# dbt's setting if the model or its project has it: dbt's own default `ignore` would leave columns out. #}
{% macro _on_schema_change() %}
    {% set setting = config.get('on_schema_change') if 'on_schema_change' in model['unrendered_config'] else none %}
    {% do scorehouse._check_facts('on_schema_change on the model ' ~ model['name'], [
        (setting not in [none, 'ignore', 'append_new_columns', 'sync_all_columns', 'fail'], "it is '" ~ setting ~ "'",
            'ignore, append_new_columns, sync_all_columns or fail', 'correct the config of the model'),
    ]) %}
    {{ return(setting or '') }}
{% endmacro %}
