"""What `import hwsim` costs beyond NumPy, in fresh interpreters: `make bench`."""

import statistics
import subprocess
import sys

CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module, runs=5):
    """Median time to import a module in a fresh interpreter; NumPy is there already, unless it is the module."""
    first = "" if module == "numpy" else "import numpy; "
    command = [sys.executable, "-c", first + CODE.format(module)]
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(runs + 1)
    ]
    return statistics.median(map(float, outputs[1:]))  # the first may compile


def main():
    """Print the table."""
    print(f"{'import numpy':<44}{seconds('numpy'):7.3f} s")
    print(f"{'import hwsim, NumPy being there':<44}{seconds('hwsim'):7.3f} s")


if __name__ == "__main__":
    main()
