{# The id of a scoring run, a UUID: the same for all that one pass of a model does. #}
{% macro _scoring_run_id(pass, node=none) %}
    {% set digest = local_md5(invocation_id ~ '|' ~ (node or model['unique_id']) ~ '|' ~ pass) %}
    {{ return([digest[0:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]] | join('-')) }}
{% endmacro %}


{# What the runtime is asked to do, as the compiled code carries it. #}
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


{# dbt's setting where the model or its project has it: dbt's own default `ignore` would leave columns out. #}
{% macro _on_schema_change() %}
    {% set setting = config.get('on_schema_change') if 'on_schema_change' in model['unrendered_config'] else none %}
    {% if setting not in [none, 'ignore', 'append_new_columns', 'sync_all_columns', 'fail'] %}
        {% do exceptions.raise_compiler_error(
            "on_schema_change on the model " ~ model['name'] ~ ": it is '" ~ setting ~ "'.\n  Expected: ignore,"
            ~ " append_new_columns, sync_all_columns or fail.\n  What to do: correct the config of the model."
        ) %}
    {% endif %}
    {{ return(setting or '') }}
{% endmacro %}


{# The Python that dbt runs: the user's model, or for a SQL model a few lines that pass its query on. #}
{% macro _scoring_code(language, code, request) %}
{%- if language == 'python' -%}
{{ code }}

config.scorehouse_request = {{ tojson(tojson(request)) }}


{% else -%}
{%- set asked = model['config']['meta'].get('scorehouse') or scorehouse._not_scored() -%}
class dbtObj:
    def __init__(self, load_df_function):
        pass


def model(dbt, session):
    from scorehouse import score_query

    return score_query(
        session,
        query={{ tojson(code) }},
        model={{ tojson(ref('ml_' ~ asked['ml_model']).render()) }},
        request={{ tojson(tojson(request)) }},
        arguments={{ tojson(tojson(asked['arguments'])) }},
    )


{% endif -%}
def materialize(run, connection):
    from scorehouse.api import write

    write(run)
{% endmacro %}


{% macro _not_scored() %}
    {% do exceptions.raise_compiler_error(
        "materialized='predictions' on the SQL model " ~ model['name']
        ~ ": no ML model is named. Expected: the macro above the select. "
        ~ "What to do: put scorehouse.scored('<name>', key='<column>') at the top of the model."
    ) %}
{% endmacro %}
