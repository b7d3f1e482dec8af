"""Whatever corpus there is becomes a labelled one, and the rest of training knows that form.

forms (which of them a folder is) -> timit, or librispeech -> alignment
"""
