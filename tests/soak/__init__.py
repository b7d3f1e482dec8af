"""The service under load and under faults, seen from outside: ``./run soak``.

Server, load and whoever misbehaves are processes of their own. Every check says what must
happen, and hands back what was seen.
"""
