"""What a flag does, in the words of the setting that it sets."""

from __future__ import annotations

import inspect
import re


def comments(settings: type) -> dict[str, str]:
    """Field -> the comment behind it in the source, which is what the field means, in words for a person."""
    found = re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(settings), re.M)
    return dict(found)
