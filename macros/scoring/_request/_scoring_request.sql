{# The request to the runtime, in the form in which the compiled code contains it. #}
{% macro _scoring_request(existing, staging, slice) %}
    {{ return({
        'package_version': scorehouse._package_version(),
        'run_id': scorehouse._scoring_run_id(slice['from']),
        'invocation_id': invocation_id,
        'node': model['unique_id'],
        'relation': this | string,
        'staging': staging | string,
        'vanished': scorehouse._vanished_relation(staging) | string,
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
        'registries': scorehouse._registries(),
        'registry_files': var('scorehouse_registry_files', {})
    }) }}
{% endmacro %}
