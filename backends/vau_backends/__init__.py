"""The accelerators Vau knows: bit-exact models, boards, and a float yardstick.

Each package here implements the port of ``vau.backend`` and is found by its entry point in
the group ``vau.backends``. Backends never import each other; what they share is in the
modules next to this one. Of these ``host``, ``inprocess``, ``slots`` and ``snapshot`` are for
other packages' backends too.
"""
