"""Smaller and faster forms of a model's towers, each measured against fp32 and gated; no torch.

``int8`` quantises the arithmetic, ``fp16`` halves it for CUDA and TensorRT, ``fp16-weights`` and
``int8-weights`` store the weights small and compute in fp32.  The door is
`edgeclip_export.quantize`.
"""
