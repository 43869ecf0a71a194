"""What the app may do and how much of it: one table, read from variables, a file and the command line.

`ATTNVIZ_MODELS_MB=2000`, `models_mb = 2000` in the file that `ATTNVIZ_SETTINGS` names, and `--models-mb 2000` say the
same; the command line goes before variables, these before the file, and that before the profile's own values: those of
a person's machine, or of a server for strangers (`hosted`). The library itself asks none of them.
"""

from attnviz.settings.reading import VARIABLE, Settings, now, split, use
from attnviz.settings.written import written

__all__ = ["VARIABLE", "Settings", "now", "split", "use", "written"]
