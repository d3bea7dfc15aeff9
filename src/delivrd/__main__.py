"""`python -m delivrd`, for where the command is not on the path."""

from delivrd.cli.main import main

main()
