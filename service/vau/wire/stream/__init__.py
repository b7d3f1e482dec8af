"""One live stream: reading goes on beside answering, and a clock watches both.

    reader ─► inbox ─► answerer ─► client
                ▲          ▲
                └── life ──┘

``serving`` opens a stream and puts these together. The ``reader`` takes messages from the
transport and checks them; the ``inbox`` holds what waits, bounded in seconds of audio; the
``answerer`` takes it through the lane and writes. ``life`` warns a stream and ends it: for
silence, for age, for not reading, for a server that shuts down. ``position`` says how far the
stream has come, ``latency`` how long that took, ``notices`` what there is to say beside it.
"""
