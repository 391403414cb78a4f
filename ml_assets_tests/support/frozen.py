"""Imported last into the process that others are forked from: what it has imported is no garbage.

So no forked process looks through all of it, nor copies the memory that looking would change.
"""

import gc

gc.freeze()
