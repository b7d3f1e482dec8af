"""The network in float32: what the integers of an accelerator are measured against."""
