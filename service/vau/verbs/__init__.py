"""What is typed: a function for each verb of the command line, whose parameters are its flags.

What a verb does is imported when it runs and not before: numpy, gRPC and soundfile take longer
to load than ``vau --help`` takes without them.
"""
