"""From a lab's source to its released form, and from a submitted notebook to a grade.

`lab` reads what a lab asks, `release` makes the students' notebooks, `collect` finds the submissions, `transplant`
puts the answers into a clean notebook, `run` runs it, `results` writes grades and feedback, `proof` grades known
wrong and right answers to show that the checks are good. Nothing here imports `effdl` or `hwsim`.
"""
