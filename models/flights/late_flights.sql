-- The flights that will very likely arrive late, each with the reasons in words, as a dispatcher reads them.
with flight_alerts as (

    select * from {{ ref('flight_alerts') }}
    where decision = 'alert'

),

final as (

    select
        flight_id,
        flight_date,
        carrier,
        origin,
        dest,
        score as late_risk,
        concat(
            reason_1, ' ', coalesce(reason_1_value, 'unknown'),
            if(reason_1_contribution > 0, ' (raises the risk)', ' (lowers it)')
        ) as why_1,
        concat(
            reason_2, ' ', coalesce(reason_2_value, 'unknown'),
            if(reason_2_contribution > 0, ' (raises the risk)', ' (lowers it)')
        ) as why_2,
        concat(
            reason_3, ' ', coalesce(reason_3_value, 'unknown'),
            if(reason_3_contribution > 0, ' (raises the risk)', ' (lowers it)')
        ) as why_3,
        exp(reason_1_contribution) as odds_factor_1,
        model_version
    from flight_alerts

)

select * from final
