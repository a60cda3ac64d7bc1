"""One hypothesis profile for the whole suite: seeded, no deadline (torch's first call alone takes longer than the default)."""

import os

from hypothesis import settings

settings.register_profile("ayar", deadline=None, derandomize=True, max_examples=int(os.environ.get("AYAR_EXAMPLES", "40")), print_blob=True)
settings.load_profile("ayar")
