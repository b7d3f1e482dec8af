"""Many recordings: ``items`` says which, ``plan`` takes them through."""
