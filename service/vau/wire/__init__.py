"""The wire: gRPC in and out, and nothing of what is said there leaves this package."""
