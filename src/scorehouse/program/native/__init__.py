"""The native backend, machine code for trees: made from an estimator (`make`) or read (`stored`)."""
