"""Classes of pixels learned from labelled polygons and points: made by `pixels`, used by `vocabulary`."""
