"""The contract, kept by each backend of ours: one class per factory, instance and network."""

from dataclasses import replace

from vau.testing.contract import BackendContract
from vau.testing.contract.subject import NETWORK
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA
from vau_backends.rpu.backend import FACTORY as RPU

WITH_PEEPHOLES = replace(NETWORK, peephole=True)


class TestFloat(BackendContract):
    factory = FLOAT


class TestFloatWithPeepholes(BackendContract):
    factory = FLOAT
    network = WITH_PEEPHOLES


class TestMuntaniala(BackendContract):
    factory = MUNTANIALA


class TestMuntanialaOnNineDies(BackendContract):
    factory = MUNTANIALA
    instance = "3x3"


class TestMuntanialaThatWraps(BackendContract):
    factory = MUNTANIALA
    instance = "+acc=wrap"


class TestMuntanialaWithPeepholes(BackendContract):
    factory = MUNTANIALA
    instance = "2x2+acc=wide"
    network = WITH_PEEPHOLES


class TestRpu(BackendContract):
    factory = RPU


class TestRpuWithResidentWeights(BackendContract):
    factory = RPU
    instance = "resident"


class TestRpuWithStreamedWeightsAndSerialSchedule(BackendContract):
    factory = RPU
    instance = "streamed+schedule=serial"


class TestRpuWithTenFractionBitsOfInput(BackendContract):
    factory = RPU
    instance = "+fx=10"
