"""One figure style for the book: the same color and the same line for the same thing, legible in black and white."""

import matplotlib.pyplot as plt

# A thing keeps its color through the book; lines differ in dash and marker too, for print in black and white.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#1f5fbf", "#d9730d", "#2e8b57", "#b3372f", "#6f4fa3", "#8a8f98"
KEPT, REMOVED, HIGHLIGHT = BLUE, GREY, ORANGE
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v"]


def style():
    """Set Matplotlib's defaults to the book's; call it once at the top of a notebook."""
    colors = [BLUE, ORANGE, GREEN, RED, PURPLE]
    cycle = plt.cycler(color=colors) + plt.cycler(linestyle=DASHES) + plt.cycler(marker=MARKERS)
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 3.4),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycle,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "grid.color": "#e4e6ea",
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.6,
            "lines.markersize": 4.5,
            "hatch.linewidth": 0.6,
            "legend.frameon": False,
            "font.size": 10,
        }
    )


def band(axis, x, samples, label, **line):
    """Draw the mean of `samples` (seeds, len(x)) over `x`, with the range from lowest to highest shaded."""
    (curve,) = axis.plot(x, samples.mean(0), label=label, **line)
    axis.fill_between(x, samples.min(0), samples.max(0), color=curve.get_color(), alpha=0.15, linewidth=0)
    return curve


def matrix(axis, values, title="", keep=None):
    """Show a small matrix with its numbers; entries where the boolean `keep` is False are greyed and struck out."""
    rows, columns = values.shape
    axis.imshow(abs(values), cmap="Blues", vmin=0, vmax=2 * abs(values).max() or 1)
    for i in range(rows):
        for j in range(columns):
            kept = keep is None or bool(keep[i, j])
            axis.text(
                j, i, f"{values[i, j]:.2f}", ha="center", va="center", fontsize=9, color="k" if kept else GREY
            )
            if not kept:
                axis.add_patch(
                    plt.Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="///", edgecolor=GREY, lw=0)
                )
    axis.set(title=title, xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)


def table(header, rows):
    """A Markdown table as a displayable object; `rows` hold strings or numbers, integers get thousands separators."""
    from IPython.display import Markdown

    def text(value):
        return f"{value:,}" if isinstance(value, int) else str(value)

    lines = [header, ["---"] * len(header), *([text(value) for value in row] for row in rows)]
    return Markdown("\n".join("| " + " | ".join(line) + " |" for line in lines))


def spread(samples):
    """Mean of an array, with its standard deviation in brackets, as text."""
    return f"{samples.mean():.3f} ({samples.std():.3f})"
