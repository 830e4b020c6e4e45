"""Settings of the property tests."""

import os

from hypothesis import settings

# No deadline: the first example of a test may load torch, and the machine may be busy. In CI the same examples each time.
settings.register_profile("course", deadline=None, derandomize=os.environ.get("CI", "").lower() == "true")
settings.load_profile("course")
