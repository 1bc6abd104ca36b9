"""The Open Cloud Mesh protocol as values: no I/O, no clock, no randomness, no framework.

Each module is a noun of the specification. Text and bytes come in, typed values or one `OcmError` come out:

    from opencloudmesh.protocol import address, discovery, shares
    share = shares.NewShare.parse(body)
"""
