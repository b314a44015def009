"""Doubles for tests, of this library and of services that use it.

FaultyFiles     the real disk, failing or dying at the n-th operation
SimulatedDisk   a disk in memory with a power cut: what was not synced is dropped, reordered or zeroed
StoreConformance, AppendConformance     does a store of your own keep what the shipper relies on?
"""

from modeldata.testing.disk import SimulatedDisk
from modeldata.testing.faults import Died, Fault, FaultyFiles
from modeldata.testing.stores import AppendConformance, StoreConformance

__all__ = ["AppendConformance", "Died", "Fault", "FaultyFiles", "SimulatedDisk", "StoreConformance"]
