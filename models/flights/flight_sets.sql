-- Each flight with the outcomes that are possible at 95 %: one if the model is sure, both if it is not.
{{ scorehouse.prediction_sets(
    ref('flight_predictions'), ref('flight_set_calibration'), classes=[0, 1], level=0.95, group='origin'
) }}
