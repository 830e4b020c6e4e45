"""Techniques that make training faster or better, one module a technique."""
