"""``vau bench``: how late a server answers under load, and what shadows cost its clients."""
