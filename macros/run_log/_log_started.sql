{# Writes the row that a run begins with. It is committed on its own before anything is scored, so it stays
   if the process is killed. The run's own transaction deletes it and writes how the run ended. #}
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
