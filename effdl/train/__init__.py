"""Techniques of training, one module a technique."""
