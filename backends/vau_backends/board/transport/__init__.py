"""How bytes reach a board: TCP, a serial port, a pseudo terminal. One class moves them all."""
