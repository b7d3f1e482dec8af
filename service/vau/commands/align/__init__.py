"""What is known to be said: ``items`` reads it, ``plan`` finds it in the audio."""
