"""Open Cloud Mesh: the protocol (`protocol`), a client for peers (`client`) and a complete cloud (`server`)."""

from importlib.metadata import version

__version__ = version("opencloudmesh")
