"""Model families: how the models of each are built, loaded, saved and asked for dense features.

A new family is one file here, which ends in ``FAMILY = ...``, and one line in `names.FAMILIES`.
"""
