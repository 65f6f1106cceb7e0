-- The Python model and the SQL model give the same table, row for row. Rows that differ are returned.
with python_door as (

    select * exclude (scoring_run_id, scored_at) from {{ ref('churn_predictions') }}

),

sql_door as (

    select * exclude (scoring_run_id, scored_at) from {{ ref('churn_predictions_sql') }}

),

only_python_door as (

    select * from python_door
    except all
    select * from sql_door

),

only_sql_door as (

    select * from sql_door
    except all
    select * from python_door

),

validation_errors as (

    select
        'python door only' as found_in,
        *
    from only_python_door
    union all
    select
        'sql door only' as found_in,
        *
    from only_sql_door

)

select * from validation_errors
