"""How a version computes a score: by the estimator, by SQL, or by native code for trees."""
