"""SCALE-Sim on matrix products; runs in its own environment (see peers.py)."""

import contextlib
import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from scalesim.scale_sim import scalesim

CONFIGURATION = """[general]
run_name = run
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {cols}
IfmapSramSzkB: 8192
FilterSramSzkB: 8192
OfmapSramSzkB: 8192
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow: {dataflow}
Bandwidth: 10
ReadRequestBuffer: 64
WriteRequestBuffer: 64
[layout]
IfmapCustomLayout: False
FilterCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def main():
    """Answer with the time of `run_scale` and the cycles that it reports, for each product."""
    job = json.load(sys.stdin)
    for m, k, n in job["products"]:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            configuration, topology = folder / "array.cfg", folder / "products.csv"
            configuration.write_text(CONFIGURATION.format(**job))
            topology.write_text(f"Layer, M, N, K,\nproduct, {m}, {n}, {k},\n")
            with (
                Path(os.devnull).open("w") as nowhere,
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                simulator = scalesim(
                    save_disk_space=True,  # no traces: compute only
                    verbose=False,
                    config=str(configuration),
                    topology=str(topology),
                    layout=str(topology),  # it opens one even where none is used
                    input_type_gemm=True,
                )
                start = time.perf_counter()
                simulator.run_scale(top_path=str(folder))
                seconds = time.perf_counter() - start
            with (folder / "run" / "COMPUTE_REPORT.csv").open() as file:
                row = next(csv.DictReader(file, skipinitialspace=True))
            answer = {
                "seconds": seconds,
                "cycles": int(row["Total Cycles"]),
                "stalls": int(row["Stall Cycles"]),
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
