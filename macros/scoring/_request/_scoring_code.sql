{# The Python code that dbt runs: the user's model, or for a SQL model, a few lines that pass its query on. #}
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


{#- Refuses a SQL model without `scored`. -#}
{% macro _not_scored() %}
    {% do scorehouse._fail(
        "materialized='predictions' on the SQL model " ~ model['name'],
        'no ML model is named',
        'the macro above the select',
        "put scorehouse.scored('<name>', key='<column>') at the top of the model"
    ) %}
{% endmacro %}
