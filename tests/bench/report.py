"""What compare.py writes: pooled numbers, the Markdown table and the figure."""

from pathlib import Path


def summarise(raw: dict, shapes: list[dict]) -> dict:
    """Pool the measurements of one codec; list them per image."""
    def samples(s: dict) -> int:
        return s["width"] * s["height"] * s["channels"]

    megapixels = sum(s["width"] * s["height"] for s in shapes) / 1e6
    total = sum(raw["sizes"])
    encode, decode = (min(map(sum, raw[runs])) for runs in ("encode_runs", "decode_runs"))
    images = [{**shape, "bytes": size, "bpsp": 8 * size / samples(shape)}
              for shape, size in zip(shapes, raw["sizes"])]
    for key in ("encode", "decode"):
        per_image = list(zip(*raw[f"{key}_runs"]))
        if len(per_image) == len(images):  # false where one process codes all images
            for image, seconds in zip(images, per_image):
                image[f"{key}_seconds"] = min(seconds)
    return {"codec": raw["codec"], "key": raw["key"], "version": raw["version"],
            "bytes": total, "bpsp": 8 * total / sum(map(samples, shapes)),
            "encode_seconds": encode, "decode_seconds": decode,
            "encode_mp_per_s": megapixels / encode, "decode_mp_per_s": megapixels / decode,
            **{key: raw[key] for key in ("start_seconds",) if key in raw},
            "peak_mb": raw["peak_bytes"] / 1e6, "baseline_mb": raw["baseline_bytes"] / 1e6,
            "encode_seconds_of_runs": [sum(run) for run in raw["encode_runs"]],
            "decode_seconds_of_runs": [sum(run) for run in raw["decode_runs"]],
            "images": images}


def ratios(rows: list[dict]) -> list[dict]:
    """ansel's speeds over JPEG XL effort 9's encoding speed; its bytes over each effort's."""
    jxl = {row["key"]: row for row in rows if row["key"].startswith("jxl")}
    result = []
    for row in (row for row in rows if row["key"] == "ansel"):
        entry = {"codec": row["codec"]}
        if "jxl9" in jxl:
            for key in ("encode", "decode"):
                peer = jxl["jxl9"]
                speed = row[f"{key}_mp_per_s"] / peer["encode_mp_per_s"]
                entry[f"{key} speed / {peer['codec']} encode speed"] = speed
        entry |= {f"bytes / {p['codec']} bytes": row["bytes"] / p["bytes"] for p in jxl.values()}
        result.append(entry)
    return result


def markdown(result: dict) -> str:
    def number(value: float) -> str:
        return f"{value:.3g}" if value < 100 else f"{value:.0f}"

    lines = [f"# ansel and its peers on {result['folder']}", "",
             f"{result['images']} images, {result['pixels'] / 1e6:.2f} megapixels; "
             f"{result['processor']}, {result['threads']} thread; CPU time; "
             f"runs: {result['repeat']}, the fastest kept; every round trip is exact.", "",
             "| codec | bytes | bpsp | encode MP/s | decode MP/s | peak memory MB |",
             "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in result["codecs"]:
        lines.append(f"| {row['codec']} | {row['bytes']} | {row['bpsp']:.4f} | "
                     f"{number(row['encode_mp_per_s'])} | {number(row['decode_mp_per_s'])} | "
                     f"{number(row['peak_mb'])} |")
    lines.append("")
    if result["ratios"]:  # ansel took part
        starts = [row["start_seconds"] for row in result["codecs"] if "start_seconds" in row]
        lines += ["ansel's encoding time includes decoding the result and comparing it. Its "
                  "times include starting the process, once for all images in encoding and once "
                  "in decoding; a process that decodes one image of 16 x 16 pixels takes "
                  f"{1000 * min(starts):.0f} to {1000 * max(starts):.0f} ms. Its peak memory is "
                  "the whole process; the peers' is what they use above the interpreter with the "
                  "images loaded.", ""]
    for entry in result["ratios"]:
        lines += [f"| {entry['codec']} | ratio |", "| --- | ---: |"]
        lines += [f"| {k} | {v:.4f} |" if k.startswith("bytes") else f"| {k} | {number(v)} |"
                  for k, v in entry.items() if k != "codec"] + [""]
    versions = sorted({row["version"] for row in result["codecs"]})
    packages = [f"{name} {version}" for name, version in result["packages"].items()]
    return "\n".join(lines + [f"Versions: {', '.join(dict.fromkeys(versions + packages))}.", ""])


def place_labels(axes, points: list[tuple[float, float, str]]) -> None:
    """Label each point to its right, moved up or down to clear other points and labels."""
    scale = axes.figure.dpi / 72  # pixels per typographic point
    at = [axes.transData.transform((x, y)) / scale for x, y, _ in points]
    taken = [(x - 4, x + 4, y, 4) for x, y in at]  # left, right, middle, half the height

    def free(left: float, right: float, middle: float) -> bool:
        return not any(left < r and l < right and abs(middle - m) < half + 5
                       for l, r, m, half in taken)

    for (x, y), (speed, bpsp, text) in sorted(zip(at, points), key=lambda p: -p[0][1]):
        left, right = x + 7, x + 7 + 5 * len(text)
        shift = next(s for step in range(200) for s in (step, -step) if free(left, right, y + s))
        taken.append((left, right, y + shift, 5))
        axes.annotate(text, (speed, bpsp), xytext=(7, shift), va="center", fontsize=8,
                      textcoords="offset points",
                      arrowprops={"arrowstyle": "-", "lw": 0.4, "shrinkA": 0, "shrinkB": 2})


def figure(rows: list[dict], path: Path, image_format: str = "svg") -> None:
    """Size against encoding and decoding speed; peers carry their names in --codecs."""
    import matplotlib  # here, because compare.py's measuring processes import this module

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "ansel", "svg.fonttype": "none"})
    from matplotlib import pyplot

    drawing, panels = pyplot.subplots(1, 2, figsize=(9, 4.5), sharey=True)
    for axes, key in zip(panels, ("encode", "decode")):
        speeds = [row[f"{key}_mp_per_s"] for row in rows]
        for row, speed in zip(rows, speeds):
            color = {"a": "C3", "c": "C0", "j": "C0"}.get(row["key"][0], "C7")
            axes.plot(speed, row["bpsp"], "o", color=color, markersize=5)
        axes.set_xscale("log")
        spread = max(max(speeds) / min(speeds), 10)
        axes.set_xlim(min(speeds) / spread**0.1, max(speeds) * spread**0.35)  # room for labels
        axes.margins(y=0.15)
        axes.set_xlabel(f"{key} MP/s (CPU time, one thread)")
        axes.grid(alpha=0.3, which="major")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("bpsp (smaller is better)")
    drawing.tight_layout()
    names = [row["codec"] if row["key"] == "ansel" else row["key"] for row in rows]
    for axes, key in zip(panels, ("encode", "decode")):
        place_labels(axes, [(row[f"{key}_mp_per_s"], row["bpsp"], name)
                            for row, name in zip(rows, names)])
    metadata = {"Date": None, "Creator": None} if image_format == "svg" else None
    drawing.savefig(path, format=image_format, metadata=metadata)
