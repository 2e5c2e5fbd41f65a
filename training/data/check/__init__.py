"""What is wrong with the data, said before anything is learnt from it.

facts.py    what a check says: counts, sizes, overlaps of splits, findings with what to do
material.py what all checks look at
counts.py   images of each class, files that cannot be read
files.py    sizes, colour, and what of a file gives its class away
orientation.py  letters and digits that lie on their side
copies.py   the same image more than once, and in which splits
repeats.py  what that means
inspect.py  the whole check
tables.py   it as tables for a terminal
"""
