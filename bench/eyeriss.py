"""AlexNet's convolutions on Eyeriss: the chip's published times beside hwsim's, nn-dataflow's and ZigZag's: `make bench`.

Batch 4 at 200 MHz. The chip's figure is its processing latency (Chen et al., JSSC 2017, Table V).
"""

import csv
from pathlib import Path

import hwsim
from bench import peers

BATCH, CLOCK = 4, 200e6
TABLE = Path(__file__).parent.parent / "tests" / "reference" / "eyeriss_jssc_table5_alexnet.csv"
PEERS = {  # their columns, and where an answer has the cycles
    "nn-dataflow": {"nn-dataflow": "cycles"},
    "zigzag": {"ZigZag": "ideal", "ZigZag, stalls": "cycles"},
}


def main():
    """Print the table; a peer that cannot be installed or run here has no column, and the reason stands below."""
    layers = [layer for layer in hwsim.networks.alexnet(batch=BATCH) if isinstance(layer, hwsim.Conv2d)]
    with TABLE.open() as file:
        rows = {row["Layer"].lower(): float(row["Processing Latency (ms)"]) for row in csv.DictReader(file)}
    columns = {"the chip": [rows[layer.name] for layer in layers]}
    report = hwsim.Eyeriss().run(hwsim.Network("AlexNet's convolutions", layers))
    columns["hwsim"] = [layer.seconds * 1e3 for layer in report.layers]
    notes = []
    for peer, keys in PEERS.items():
        try:
            answers = _answers(peer, layers)
        except peers.PeerError as error:
            notes.append(f"{peer} is left out: {error}")
            continue
        notes.append(f"{peer}: searched for {sum(answer['seconds'] for answer in answers):.0f} s")
        for title, key in keys.items():
            cycles = [layer.groups * answer[key] for layer, answer in zip(layers, answers, strict=True)]
            columns[title] = [count / CLOCK * 1e3 for count in cycles]
    print(f"AlexNet's convolutions on Eyeriss (168 PEs, 200 MHz, batch {BATCH}): ms, and against the chip")
    print(f"{'':<8}" + "".join(f"{title:>18}" for title in columns))
    for i, name in enumerate([*(layer.name for layer in layers), "sum"]):
        values = [sum(column) if name == "sum" else column[i] for column in columns.values()]
        cells = [f"{value:.2f} {value / values[0] - 1:+5.0%}" for value in values[1:]]
        print(f"{name:<8}{values[0]:>18.2f}" + "".join(f"{cell:>18}" for cell in cells))
    print("\n".join(notes))


def _answers(peer, layers):
    """What a peer says of one group of each layer."""
    print(f"{peer}: searching, up to a minute ...", flush=True)
    fields = [
        {
            "name": layer.name,
            "in_channels": layer.in_channels // layer.groups,
            "out_channels": layer.out_channels // layer.groups,
            "size": layer.output_size[0],
            "kernel": layer.kernel,
            "stride": layer.stride,
        }
        for layer in layers
    ]
    return list(peers.run(peer, {"batch": BATCH, "layers": fields}))


if __name__ == "__main__":
    main()
