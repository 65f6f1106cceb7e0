{# Refuses columns of types that cannot hold what a version was trained on, in the words of `check_types` in
   src/scorehouse/registry/signature.py: in SQL, a number becomes text without a word. #}
{% macro _warehouse_check_features(scored, part, types) %}
    {% set kinds, wrong, call = [], [], "scorehouse.scored('" ~ scored['name'] ~ "') in " ~ model['name'] %}
    {% for version in scorehouse._registered_versions(scored['name']) or [] if version['version'] == part['number'] %}
        {% do kinds.extend(version.get('types', '').split(', ') | select) %}
    {% endfor %}
    {% for wanted in kinds %}
        {% set type = types[part['columns'][loop.index0]] %}
        {% if not scorehouse._type_fits(type, wanted) %}
            {% do wrong.append("'" ~ part['features'][loop.index0] ~ "' is " ~ type | lower ~ ' where ' ~ wanted
                ~ ' was trained') %}
        {% endif %}
    {% endfor %}
    {% do scorehouse._check_facts(call, [
        (wrong, wrong | length ~ ' feature columns have a type that does not fit: ' ~ wrong | join('; '),
            'numbers for double and integer, text for string, and so on', 'cast these columns in the feature model'),
    ]) %}
{% endmacro %}


{# Whether a column of this type can hold a feature of the kind `wanted`. DuckDB's NULL without a type holds any, and a
   TIMESTAMP of BigQuery also stands for a time without a zone. #}
{% macro _type_fits(type, wanted) %}
    {% set plain = '' if type.endswith(']') else (type | lower).split('(')[0] | replace('"', '') | trim %}
    {% set kinds, patterns = [], {
        'number': '(u?(tiny|small|big|huge)?|u)int(eger)?(64)?|float(64)?|double( precision)?|real|decimal|fixed'
            ~ '|(big)?num(eric|ber)',
        'string': 'text|string|varchar|char(acter( varying)?)?|enum',
        'boolean': 'bool(ean)?', 'timestamp': 'date(time)?', 'any': 'null',
    } %}
    {% for kind, pattern in patterns.items() if modules.re.fullmatch(pattern, plain) %}
        {% do kinds.append(kind) %}
    {% endfor %}
    {% if plain.startswith('timestamp') %}
        {% set is_instant = scorehouse._has_zone(plain) or target.type == 'bigquery' %}
        {% do kinds.append('timestamp with time zone' if is_instant else 'timestamp') %}
        {% do kinds.append('timestamp') if target.type == 'bigquery' %}
    {% elif not kinds and target.type == 'postgres' %}
        {# a domain or an enum, by its category: https://www.postgresql.org/docs/current/catalog-pg-type.html #}
        {% set category = run_query('select typcategory from pg_type where oid = ' ~ scorehouse._text_literal(type)
            ~ '::regtype').rows[0][0] %}
        {% do kinds.append({'N': 'number', 'S': 'string', 'E': 'string', 'B': 'boolean'}.get(category, '')) %}
    {% endif %}
    {{ return('any' in kinds or ('number' if wanted in ['double', 'integer'] else wanted) in kinds) }}
{% endmacro %}
