"""The site of the documents: what builds it, what looks at it, and the pages made from code."""
