"""`make bench`: speed and size, each figure beside a floor or a peer of the same run, in one table.

What belongs here: what is measured (a module a part: `load_and_build`, `growth`, `size`, `memory`, `queries`, `startup`), what
it is held against (`floor`, `duck`, `first_generation`), and what all parts share (`context`, `processes`, `database`, `table`).
Nothing is taken from a note: a figure that is not measured is not printed. docs/performance.md says what each line means.
"""
