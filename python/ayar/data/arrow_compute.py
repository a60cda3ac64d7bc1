"""pyarrow.compute as ``pc``. pyarrow makes most of its functions at import, where no type checker sees them, so here it is of type Any."""

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
