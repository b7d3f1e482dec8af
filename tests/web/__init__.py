"""The live page in a real browser: `./run e2e-web`."""
