"""ZigZag on convolutions; runs in its own environment (see peers.py).

The chip is ZigZag's own `eyeriss_like.yaml` of 14 x 12 PEs, whose memories and 8 bits are not the chip's. Row stationary is
what the spatial mapping says: output rows along the 14, filter rows along the 12, and filters where rows are left.
"""

import contextlib
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import zigzag
from zigzag.api import get_hardware_performance_zigzag

CHIP = Path(zigzag.__file__).parent / "inputs" / "hardware" / "eyeriss_like.yaml"
LAYER = """- id: 0
  name: {name}
  operator_type: Conv
  equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
  dimension_relations: [ix={stride}*ox+1*fx, iy={stride}*oy+1*fy]
  loop_dims: [B, K, C, OY, OX, FY, FX]
  loop_sizes: [{batch}, {out_channels}, {in_channels}, {size}, {size}, {kernel}, {kernel}]
  operand_precision: {{W: 8, I: 8, O: 16, O_final: 8}}
  operand_source: {{I: 0, W: 0}}
"""
MAPPING = """- name: default
  spatial_mapping:
    D1: ["OY, {across}"]
    D2: ["FY, {down}"{filters}]
  memory_operand_links: {{O: O, W: I2, I: I1}}
"""


def main():
    """Answer with the cycles of each layer, one group of it, with and without stalls, and the time of the search."""
    job = json.load(sys.stdin)
    logging.disable(logging.CRITICAL)
    for layer in job["layers"]:
        down = min(layer["kernel"], 12)
        sets = 12 // down
        filters = f', "K, {sets}"' if sets > 1 else ""
        with tempfile.TemporaryDirectory() as folder:
            workload, mapping = Path(folder, "workload.yaml"), Path(folder, "mapping.yaml")
            workload.write_text(LAYER.format(batch=job["batch"], **layer))
            mapping.write_text(MAPPING.format(across=min(layer["size"], 14), down=down, filters=filters))
            start = time.perf_counter()
            with contextlib.redirect_stdout(sys.stderr):
                _, cycles, results = get_hardware_performance_zigzag(
                    str(workload),
                    str(CHIP),
                    str(mapping),
                    opt="latency",
                    dump_folder=folder,
                    loma_show_progress_bar=False,
                )
        best = results[0][1][0][0]
        answer = {
            "cycles": cycles,
            "ideal": best.ideal_temporal_cycle,
            "seconds": time.perf_counter() - start,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
