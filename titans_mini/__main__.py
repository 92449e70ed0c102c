"""`python -m titans_mini` is `titans-mini`."""

import sys

from .cli import main

sys.exit(main())
