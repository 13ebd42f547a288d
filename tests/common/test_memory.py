import subprocess
import sys

CODE = """
import resource, torch
from recsys.common import memory
memory.keep_freed_memory()
torch.set_num_threads(1)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    one = torch.ones(2**20)
    one + one
for _ in range(20):
    step()
before = faults()
for _ in range(10):
    step()
print(faults() - before)
"""


def test_a_loop_reuses_the_memory_of_the_last_step() -> None:
    """Ten steps would fault 20,480 pages of four kilobytes if each allocated new memory."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000
