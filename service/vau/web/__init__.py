"""The live page's entrance: HTTP for its files, and a WebSocket to the code that serves gRPC.

``setup`` says whether a server has one, ``entrance`` listens, ``app`` knows the routes,
``conversation`` is the server's end of a call for the handler of ``StreamingRecognize``,
``mapping`` says messages in JSON, ``origin`` knows whose pages may come, ``connection`` bounds
what one connection may take. All but ``setup`` need the extra web. docs/websocket.md; decision:
docs/adr/0021-live-page.md.
"""
