"""nn-dataflow on convolutions; runs in its own environment (see peers.py).

The chip is as in nn-dataflow's own test of Eyeriss' published table: 12 x 14 PEs, a buffer of 108 KiB, 261 words of 16 bits
in a PE, and energy as the goal of the search.
"""

import json
import sys
import time

from nn_dataflow.core import (
    ConvLayer,
    Cost,
    InputLayer,
    MapStrategyEyeriss,
    Network,
    NNDataflow,
    NodeRegion,
    Option,
    PhyDim2,
    Resource,
)

BUFFER_WORDS, REGISTER_WORDS = 108 * 1024 // 2, 225 + 12 + 24


def region(kind):
    """The one node of the chip, as processor or as memory."""
    return NodeRegion(origin=PhyDim2(0, 0), dim=PhyDim2(1, 1), type=kind)


def main():
    """Answer with the cycles of each layer, one group of it, and the time that the search took."""
    job = json.load(sys.stdin)
    memory = region(NodeRegion.DRAM)
    chip = Resource(
        proc_region=region(NodeRegion.PROC),
        dram_region=memory,
        src_data_region=memory,
        dst_data_region=memory,
        dim_array=PhyDim2(12, 14),
        size_gbuf=BUFFER_WORDS,
        size_regf=REGISTER_WORDS,
        array_bus_width=float("inf"),
        dram_bandwidth=float("inf"),
        no_time_mux=False,
    )
    energy = Cost(mac_op=2e-12, mem_hier=(460e-12, 15e-12, 4e-12, 1e-12), noc_hop=0, idl_unit=30e-3 / 200e6)
    for layer in job["layers"]:
        network = Network(layer["name"])
        inputs = (layer["size"] - 1) * layer["stride"] + layer["kernel"]
        network.set_input_layer(InputLayer(layer["in_channels"], inputs))
        filters = (
            layer["in_channels"],
            layer["out_channels"],
            layer["size"],
            layer["kernel"],
            layer["stride"],
        )
        network.add(layer["name"], ConvLayer(*filters))
        start = time.perf_counter()
        search = NNDataflow(network, job["batch"], chip, energy, MapStrategyEyeriss)
        schedules, _ = search.schedule_search(Option(opt_goal="e", ntops=1, nprocesses=1))
        if not schedules:
            sys.exit(f"nn-dataflow finds no schedule for {layer['name']}")
        answer = {"cycles": schedules[0].total_time, "seconds": time.perf_counter() - start}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
