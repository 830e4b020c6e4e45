"""The techniques of the course, and what its notebooks share: data, models, training, claims, figures, widgets."""
