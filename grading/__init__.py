"""From a lab's source to its released form, and from a submitted notebook to a mark that can be trusted.

README.md says which module does what. Nothing here imports `effdl` or `hwsim`.
"""
