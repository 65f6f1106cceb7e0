-- Forecasts with the interval that should hold nine of ten labels; no product sells less than nothing.
{{ scorehouse.prediction_intervals(
    ref('demand_by_volume'), ref('demand_interval_calibration'), level=0.9, group='volume', options={'lowest': 0}
) }}
