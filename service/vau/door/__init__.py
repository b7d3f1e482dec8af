"""Who may come in: tokens, certificates, and how much each caller may have.

Nothing here knows gRPC or a clock: ``vau.wire.door`` asks, and says what time it is.
"""
