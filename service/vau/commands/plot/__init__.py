"""One recording as a picture: ``plan`` runs it, ``figure`` draws it."""
