"""From a labelled corpus to shipped networks. The only place that needs torch.

corpus -> cache (features with the service's own front end) -> train -> export (a bundle)
"""
