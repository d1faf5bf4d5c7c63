"""What the recurrent and the transformer family share: encoder x head, the training loop, the ONNX export.

Only `options` may be imported without torch.
"""
