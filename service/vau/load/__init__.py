"""What a load of paced streams is, what its answers say, and what the machine says of it.

Somebody who speaks does not wait for a slow server, and neither does this load: every chunk
has the moment at which it is due, and its latency counts from there. What sends it is
``vau.client.paced``.
"""
