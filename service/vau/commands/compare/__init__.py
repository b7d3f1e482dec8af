"""Several backends on the same recordings: ``plan`` runs it, the rest shows what came of it."""
