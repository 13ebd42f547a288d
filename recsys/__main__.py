"""`python -m recsys` is the command `recsys`."""

from recsys.common.interrupt import interrupt_until_command

if __name__ == "__main__":
    interrupt_until_command()
    from recsys.cli.main import main

    main(prog_name="recsys")
