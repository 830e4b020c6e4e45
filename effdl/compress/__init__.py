"""Techniques that make a network smaller, one module a technique."""
