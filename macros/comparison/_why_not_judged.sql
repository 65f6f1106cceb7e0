{#- Why there is no challenger to judge, as a sentence; none if there is one, or where nothing can be asked. -#}
{% macro _why_not_judged(call, predictions, challenger, registry) %}
    {% set names = scorehouse._existing_columns(predictions) %}
    {% if not names %}
        {{ return(none) }}
    {% endif %}
    {% set versions_of_row = names | select('in', ['model_version', 'model_version__' ~ challenger]) | list %}
    {% do scorehouse._check_rules(call, [
        ('challenger', challenger, 'is_live' not in names and versions_of_row | length < 2,
            'a prediction table that the version with this alias scores too; ' ~ predictions
                ~ ' has the columns ' ~ names | join(', '),
            "write `alias=['champion', '" ~ challenger ~ "']` in the model, and build it"),
    ]) %}
    {% set versions = scorehouse._registered_versions_of(predictions) %}
    {% if not versions and registry is not none and load_relation(registry) is not none %}
        {% set versions = scorehouse._rows_of('select name, version, aliases, trained_to from ' ~ registry) %}
    {% endif %}
    {% set holders = [] %}
    {% for row in versions %}
        {% set aliases = (row['aliases'] or '').split('|') %}
        {% if challenger in aliases %}
            {% do holders.append(row) %}
        {% endif %}
        {#- The shadow cannot leave out what such a version was trained on. #}
        {% if not row['trained_to'] and (challenger in aliases or 'champion' in aliases) %}
            {% set label = row['name'] ~ ' version ' ~ row['version'] %}
            {% do log('note: ' ~ scorehouse._metrics().undated | join('; ') | replace('{}', label), info=true) %}
        {% endif %}
    {% endfor %}
    {% if versions and not holders %}
        {{ return('no version of ' ~ versions[0]['name'] ~ ' has the alias ' ~ challenger ~ ' yet') }}
    {% endif %}
    {% set live = 'select count(*) as n from ' ~ predictions ~ ' where model_version = ' ~ holders[0]['version']
        ~ (' and is_live' if 'is_live' in names else '') if holders else '' %}
    {% if holders and scorehouse._rows_of(live)[0]['n'] %}
        {{ return('version ' ~ holders[0]['version'] ~ ' of ' ~ versions[0]['name'] ~ ' has the alias ' ~ challenger
            ~ ', and is the live version itself') }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}


{#- A condition: whether another version than the live one has scored rows under this alias. -#}
{% macro _has_challenger(predictions, challenger) -%}
    {%- set column = 'model_version__' ~ challenger -%}
    (select count(*) from {{ predictions }}
        {%- if column in scorehouse._existing_columns(predictions) %}
        where {{ scorehouse._quote(column) }} <> model_version
        {%- else %}
        where not is_live and model_alias = {{ scorehouse._text_literal(challenger) }}
            and model_version not in (select model_version from {{ predictions }} where is_live)
        {%- endif -%}
    ) > 0
{%- endmacro %}
