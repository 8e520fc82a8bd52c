"""``python -m terralex``."""

from terralex.cli import main

main()
