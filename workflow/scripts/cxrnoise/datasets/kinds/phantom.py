"""The phantoms' metadata, which have the layout of ChestXRay14's."""

from cxrnoise.datasets.kinds.chestxray14 import read

__all__ = ["read"]
