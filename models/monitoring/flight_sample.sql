-- Every sixteenth flight, whatever it is: enough for means, and cheap to explain in full.
{{ config(materialized='view') }}

select * from {{ ref('flight_scoring_features') }}
where substring(md5(flight_id), 1, 1) = '0'
