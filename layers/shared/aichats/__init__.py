"""Creates AI chats automatically: the code that all functions share."""

import gc
import os

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    # Imports create many objects and free few. InitPhase.finish enables the collector.
    gc.disable()
