"""`python -m recsys` is the command `recsys`."""

from recsys.common.guard import interrupt_quietly

if __name__ == "__main__":
    interrupt_quietly()
    from recsys.cli.main import main

    main(prog_name="recsys")
