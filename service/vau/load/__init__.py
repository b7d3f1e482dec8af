"""What a load of paced streams is, and what its answers say: no sockets and no processes here.

Somebody who speaks does not wait for a slow server, and neither does this load: every chunk
has the moment at which it is due, and its latency counts from there. What sends it is
``vau.client.paced``.
"""
