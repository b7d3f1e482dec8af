"""Shadows: backends that hear what another answers, and are compared with it.

    lane ─► Ear ─► Backlog ─► feeder ══ pipe ══► worker: run, compare, add up
                     ▲                             │
    metrics ◄── Meters ◄── listener ══ pipe ═══════┘

A shadow must never cost a client time. So it has a process of its own, which gets what the
others leave of the processor; what it is offered waits in a bounded backlog or is shed; and
nothing on the way of an answer waits for it. ``docs/shadow.md`` says what it promises.
"""
