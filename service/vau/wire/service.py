"""The methods of the service: each hands over to the module that does its work."""

from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionServicer
from vau.wire.call import answering, asking
from vau.wire.context import Context
from vau.wire.host import Host
from vau.wire.stream.serving import stream
from vau.wire.unary import recognize


class SpeechRecognition(SpeechRecognitionServicer):
    """``vau.v1.SpeechRecognition``. The names of the methods are the contract's."""

    def __init__(self, host: Host) -> None:
        """Serve what ``host`` holds."""
        self._host = host

    async def StreamingRecognize(  # noqa: N802
        self, _requests: object, context: Context
    ) -> None:
        """Read and write through ``context``, which costs less than iterators do."""
        async with answering(context, self._host, "StreamingRecognize") as call:
            await stream(self._host, context, call)

    async def Recognize(  # noqa: N802
        self, request: pb.RecognizeRequest, context: Context
    ) -> pb.RecognizeResponse:
        """Answer one short recording."""
        async with answering(context, self._host, "Recognize") as call:
            return await recognize(self._host, request, call)

    async def ListBackends(  # noqa: N802
        self, request: pb.ListBackendsRequest, context: Context
    ) -> pb.ListBackendsResponse:
        """List the backends."""
        async with asking(context, self._host):
            return self._host.backends(include_unavailable=request.include_unavailable)

    async def GetServerInfo(  # noqa: N802
        self, _request: pb.GetServerInfoRequest, _context: Context
    ) -> pb.GetServerInfoResponse:
        """Describe the server, to anybody."""
        return self._host.info()
