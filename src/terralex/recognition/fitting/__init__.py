"""Classes learned from labelled examples: `estimator` makes a fit, `fitfile` stores it, `fitted` uses it."""
