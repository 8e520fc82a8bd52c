"""Measures: pure functions of tensors and arrays, without files or models."""
