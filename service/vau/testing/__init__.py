"""What a backend is tested with: small networks, and a test for each promise of the port.

No room of a server imports this; the contract needs pytest (``pip install 'vau[testing]'``).
"""
