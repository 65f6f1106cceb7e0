{# SQL of the hash of a row's inputs. `types` is a digest of their types, since the text or hash of a value need
   not show them: 0.1 as real and 0.1 as double precision are different numbers. #}
{% macro _warehouse_hash(types, columns) %}
    {{ return(adapter.dispatch('_warehouse_hash', 'scorehouse')(types, columns)) }}
{% endmacro %}

{% macro default___warehouse_hash(types, columns) %}
    {{ return("md5('" ~ types ~ "' || row(" ~ columns | join(', ') ~ ")::text)") }}
{% endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/hash: 64 bits, and equal numbers of all types are equal #}
{% macro snowflake___warehouse_hash(types, columns) %}
    {{ return("cast(hash('" ~ types ~ "', " ~ columns | join(', ') ~ ") as varchar)") }}
{% endmacro %}

{# https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#to_json_string #}
{% macro bigquery___warehouse_hash(types, columns) %}
    {{ return("to_hex(md5(concat('" ~ types ~ "', to_json_string(struct(" ~ columns | join(', ') ~ ")))))") }}
{% endmacro %}

{% macro duckdb___warehouse_hash(types, columns) %}
    {{ return("hash('" ~ types ~ "', " ~ columns | join(', ') ~ ")") }}
{% endmacro %}


{# The name of that hash, in the run log. #}
{% macro _warehouse_hash_kind() %}
    {{ return({'postgres': 'postgres:md5', 'bigquery': 'bigquery:md5'}.get(target.type, target.type ~ ':hash')) }}
{% endmacro %}


{# SQL that sums up the hashes of a run. #}
{% macro _warehouse_hash_sum() %}
    {{ return(adapter.dispatch('_warehouse_hash_sum', 'scorehouse')()) }}
{% endmacro %}

{% macro default___warehouse_hash_sum() %}
    {{ return("sum(cast(cast('x' || left(feature_hash, 15) as bit(60)) as bigint))") }}
{% endmacro %}

{% macro snowflake___warehouse_hash_sum() %}
    {{ return('sum(cast(right(feature_hash, 15) as integer))') }}
{% endmacro %}

{# a sum of integers would overflow #}
{% macro bigquery___warehouse_hash_sum() %}
    {{ return("bit_xor(cast(concat('0x', substr(feature_hash, 1, 15)) as int64))") }}
{% endmacro %}

{% macro duckdb___warehouse_hash_sum() %}
    {{ return('sum(feature_hash)') }}
{% endmacro %}
