"""The RTL in simulation, in this process, and what it is held to."""
