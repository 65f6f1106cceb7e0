{# The row that a run begins with. It is committed by itself before anything is scored, so that it stays where
   the process is killed; the run's own transaction takes it away and writes how the run ended. #}
{% macro _log_started(slice) %}
    {% do scorehouse._insert_run({
        'run_id': scorehouse._scoring_run_id(slice['from']),
        'parent_run_id': scorehouse._scoring_run_id(slice['from']),
        'status': 'started',
        'invocation_id': invocation_id,
        'node': model['unique_id'],
        'prediction_table': this | string,
        'materialization': 'predictions',
        'engine': target.type,
        'model_name': scorehouse._ml_model_of(model),
        'slice_from': slice['from'] or none,
        'slice_to': slice['to'] or none,
    }, ['started_at']) %}
{% endmacro %}


{# The ML model of a prediction table: what `scored` names, or the one registry that a Python model reads. #}
{% macro _ml_model_of(node) %}
    {% set registries = [] %}
    {% for parent in node['depends_on']['nodes']
        if parent.split('.')[0] == 'seed' and parent.split('.')[2].startswith('ml_') %}
        {% do registries.append(parent.split('.')[2][3:]) %}
    {% endfor %}
    {% set asked = node['config']['meta'].get('scorehouse') or {} %}
    {{ return(asked.get('ml_model') or (registries[0] if registries | length == 1 else none)) }}
{% endmacro %}


{# Writes a row of the run log and commits it; `times` are the columns that hold the present moment. #}
{% macro _insert_run(values, times) %}
    {% call statement('insert_run', auto_begin=true) %}
        insert into {{ scorehouse.run_log_relation() }} ({{ (values.keys() | list + times) | join(', ') }})
        select
        {%- for value in values.values() %}
            {{ scorehouse._literal_or_null(value) }},
        {%- endfor %}
        {%- for _ in times %}
            {{ scorehouse._utc_now() }}{{ ',' if not loop.last }}
        {%- endfor %}
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}


{# Takes the row away that a run began with; the same transaction writes the one that it ends with. #}
{% macro _delete_started(run_id) %}
    {% call statement('delete_started') %}
        delete from {{ scorehouse.run_log_relation() }}
        where parent_run_id = '{{ run_id }}' and status = 'started'
    {% endcall %}
{% endmacro %}
