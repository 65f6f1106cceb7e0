{# Writes a row of the run log and commits it; `times` are the columns that get the current time. #}
{% macro _insert_run(run_id, values, times) %}
    {% do values.update({
        'run_id': run_id, 'parent_run_id': run_id, 'invocation_id': invocation_id, 'engine': target.type
    }) %}
    {% call statement('insert_run', auto_begin=true) %}
        {{ scorehouse._insert_run_sql(values, times, scorehouse._utc_now()) }}
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}


{# The statement that writes a row of the run log, with `now` in the columns `times`. #}
{% macro _insert_run_sql(values, times, now) %}
    {% set literals, types = [], scorehouse._run_log_columns() %}
    {% for name, value in values.items() %}
        {% do literals.append('cast(' ~ scorehouse._literal(value) ~ ' as ' ~ types[name] ~ ')') %}
    {% endfor %}
    {{ return('insert into ' ~ scorehouse.run_log_relation() ~ ' (' ~ (values.keys() | list + times) | join(', ')
        ~ ') select ' ~ (literals + [now] * times | length) | join(', ')) }}
{% endmacro %}


{# Writes the row that a run begins with. It is committed on its own before anything is scored, so it stays
   if the process is killed. The run's own transaction deletes it and writes how the run ended. #}
{% macro _log_started(slice) %}
    {% do scorehouse._insert_run(scorehouse._scoring_run_id(slice['from']), {
        'status': 'started',
        'node': model['unique_id'],
        'prediction_table': this | string,
        'materialization': 'predictions',
        'model_name': scorehouse._ml_model_of(model),
        'slice_from': slice['from'] or none,
        'slice_to': slice['to'] or none,
    }, ['started_at']) %}
{% endmacro %}


{# The ML model of a prediction table: the one in the call of `scored`, or the only registry that a Python
   model reads. #}
{% macro _ml_model_of(node) %}
    {% set registries = [] %}
    {% for parent in node['depends_on']['nodes']
        if parent.split('.')[0] == 'seed' and parent.split('.')[2].startswith('ml_') %}
        {% do registries.append(parent.split('.')[2][3:]) %}
    {% endfor %}
    {% set asked = node['config']['meta'].get('scorehouse') or {} %}
    {{ return(asked.get('ml_model') or (registries[0] if registries | length == 1 else none)) }}
{% endmacro %}
