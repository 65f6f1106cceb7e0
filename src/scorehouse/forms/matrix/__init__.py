"""The matrix form, a chain of matrix products: made from an estimator (`make`) or read (`stored`)."""
