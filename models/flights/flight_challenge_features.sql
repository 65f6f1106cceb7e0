-- The flights of December, on which champion and challenger are compared.
{{ config(materialized='view') }}

select * from {{ ref('flight_scoring_features') }}
where flight_date >= date '2013-12-01'
