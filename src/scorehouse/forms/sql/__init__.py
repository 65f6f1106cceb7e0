"""The SQL form: compiled from an estimator (`compile`), kept as data (`stored`), and written (`compiled`)."""
