{# Writes rows for prediction tables whose run failed before its first row, in a hook or because a macro
   refused it. #}
{% macro _log_unstarted(rows, ended) %}
    {% set known = rows | map(attribute='node') | list %}
    {% for result in ended.values() | unique(attribute='node.unique_id')
        if result.status == 'error' and result.node.config.materialized == 'predictions'
        and result.node.unique_id not in known %}
        {% do scorehouse._insert_run({
            'run_id': scorehouse._scoring_run_id('', result.node.unique_id),
            'parent_run_id': scorehouse._scoring_run_id('', result.node.unique_id),
            'status': 'failed',
            'invocation_id': invocation_id,
            'node': result.node.unique_id,
            'prediction_table': result.node.relation_name,
            'materialization': 'predictions',
            'engine': target.type,
            'model_name': scorehouse._ml_model_of(result.node.to_dict()),
            'error': result.message,
        }, ['started_at', 'finished_at']) %}
    {% endfor %}
{% endmacro %}
