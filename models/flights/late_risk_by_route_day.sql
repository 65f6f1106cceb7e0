-- Expected late arrivals on each route and day, and the number of flights that could not be scored.
with flight_predictions as (

    select * from {{ ref('flight_predictions') }}

),

final as (

    select
        flight_date,
        origin,
        dest,
        count(*) as flights,
        count(*) filter (where row_status = 'scored') as flights_scored,
        count(*) filter (where row_status = 'rejected') as flights_rejected,
        count(*) filter (
            where {{ dbt.position("';null:dep_delay;'", "(';' || reject_reason || ';')") }} > 0
        ) as flights_without_departure,
        count(*) filter (where row_status = 'scored' and prediction = 1) as flights_flagged_late,
        {{ scorehouse.total('score') }} filter (where row_status = 'scored') as expected_late_flights,
        {{ scorehouse.mean('score') }} filter (where row_status = 'scored') as mean_late_risk,
        max(score) filter (where row_status = 'scored') as highest_late_risk,
        max(model_version) as model_version
    from flight_predictions
    group by flight_date, origin, dest

)

select * from final
