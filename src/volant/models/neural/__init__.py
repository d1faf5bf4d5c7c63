"""Parts shared by the recurrent and the transformer family: encoder, head, training loop, ONNX export.

Only `options` may be imported without torch.
"""
