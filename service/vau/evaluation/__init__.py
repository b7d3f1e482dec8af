"""How well a network hears: manifests, alignments, rates with their intervals, delays."""
