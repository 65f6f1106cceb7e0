"""The SQL backend: compiled from an estimator (`compile`), kept as data (`stored`), written (`compiled`)."""
