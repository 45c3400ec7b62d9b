"""Computer graphics as training data.

    python graphics.py OUTPUT_FOLDER [--photographs FOLDER] [--count N] [--seed S]

renders screens, charts, drawings, pixel art, gradients and palette images as 8-bit RGB files named
CATEGORY-NNN.png. Every image has its own generator, seeded by (seed, category, number), so that an image does
not depend on which others are rendered. Crops of the photographs appear inside pages and as the source of the
quantised categories; without --photographs, smooth noise stands in for them.

Needs the packages of requirements-graphics.txt, and from Debian: chromium fonts-cantarell fonts-comfortaa
fonts-courier-prime fonts-dejavu fonts-ebgaramond fonts-firacode fonts-freefont-ttf fonts-hack fonts-inconsolata
fonts-lato fonts-liberation fonts-linuxlibertine fonts-noto-core fonts-noto-mono fonts-open-sans fonts-roboto
fonts-terminus-otb fonts-unfonts-core fonts-wqy-microhei. Install them before the first run: matplotlib
keeps a list of the fonts it once found (~/.cache/matplotlib).
"""

import argparse
import base64
import colorsys
import io
import math
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

SANS = ["Roboto", "Open Sans", "Lato", "Liberation Sans", "DejaVu Sans", "Noto Sans", "Cantarell", "Comfortaa",
        "Roboto Condensed", "Linux Biolinum O", "FreeSans"]
SERIF = ["Liberation Serif", "DejaVu Serif", "EB Garamond", "Linux Libertine O", "Noto Serif", "FreeSerif"]
MONO = ["DejaVu Sans Mono", "Liberation Mono", "Fira Code", "Hack", "Inconsolata", "Noto Sans Mono", "Courier Prime",
        "Noto Mono", "FreeMono"]
# Files that Pillow finds by name in the system's font folders.
FONT_FILES = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "LiberationSans-Regular.ttf",
              "LiberationSerif-Regular.ttf", "LiberationSerif-Italic.ttf", "Roboto-Regular.ttf", "Lato-Regular.ttf",
              "OpenSans-Regular.ttf", "NotoSans-Regular.ttf", "NotoSerif-Regular.ttf", "Cantarell-Regular.otf"]
MONO_FILES = ["DejaVuSansMono.ttf", "LiberationMono-Regular.ttf", "Inconsolata.otf", "FreeMono.ttf",
              "NotoSansMono-Regular.ttf", "DejaVuSansMono-Bold.ttf", "LiberationMono-Bold.ttf"]
BITMAP_FONT = "/usr/share/fonts/opentype/terminus/terminus-{}.otb"
BITMAP_SIZES = [12, 14, 16, 18, 20, 24, 32]
ICONS = "☰⚙★☆✓✗✎✉☎⌂♥⚑⌕⏻▲▼◀▶●○◆◇■□☀☁☂♪♫⚠⚡✚➜↑↓←→↻⋮…"


# ---- what the categories share ----

class Words:
    """Text of one invented language: a vocabulary of made-up words, drawn with Zipf's frequencies."""

    SCRIPTS = {
        "latin": ("b c d f g h j k l m n p r s t v w z th sh st br tr pl".split(), "a e i o u ai ea ou".split()),
        "accented": ("b č d f g h ñ k l m n p r š t v ž ł sch".split(), "á ä e é è i ö ó u ü å ø".split()),
        "cyrillic": (list("бвгджзклмнпрстфхцчш"), list("аеиоуыэюя")),
        "greek": (list("βγδζθκλμνξπρστφχψ"), list("αεηιουω")),
        "arabic": (list("بتثجحدرسشصطعفقكلمنه"), ["ا", "و", "ي", ""]),
        "hebrew": (list("בגדהזחטכלמנסעפצקרשת"), ["א", "ו", "י", ""]),
        "devanagari": (list("कखगघचजटडतदनपबमरलवसह"), ["ा", "ि", "ी", "ु", "े", "ो", ""]),
        "thai": (list("กขคงจชดตทนบปพมยรลวสห"), ["า", "ิ", "ี", "ุ", "ะ", "ั"]),
        "han": ([chr(c) for c in range(0x4E00, 0x5200, 3)], [""]),
        "kana": ([chr(c) for c in range(0x304B, 0x3093) if c % 3], [""]),
        "hangul": ([chr(c) for c in range(0xAC00, 0xD700, 37)], [""]),
    }

    def __init__(self, rng, script="latin"):
        self.rng, self.script = rng, script
        onsets, vowels = self.SCRIPTS[script]
        lengths = [1, 1, 2, 2, 2, 3, 3, 4]
        self.vocabulary = ["".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(rng.choice(lengths)))
                           + (rng.choice(onsets) if rng.random() < 0.4 else "") for _ in range(400)]
        self.weights = [1 / (rank + 3) for rank in range(400)]

    def word(self):
        return self.rng.choices(self.vocabulary, self.weights)[0]

    def title(self, count=3):
        return " ".join(self.word().capitalize() for _ in range(self.rng.randint(1, count)))

    def sentence(self):
        words = [self.word() if self.rng.random() < 0.94 else self.number() for _ in range(self.rng.randint(4, 16))]
        if len(words) > 8:
            words[5] += ","
        text = ("" if self.script in ("han", "kana", "thai") else " ").join(words)
        return text[0].upper() + text[1:] + self.rng.choices([".", "?", "!", ":"], [12, 1, 1, 1])[0]

    def paragraph(self, sentences=6):
        return " ".join(self.sentence() for _ in range(self.rng.randint(1, sentences)))

    def number(self):
        return self.rng.choice([str(self.rng.randint(0, 99)), f"{self.rng.uniform(0, 9999):,.2f}",
                                f"{self.rng.randint(0, 100)}%",
                                f"20{self.rng.randint(10, 29)}-{self.rng.randint(10, 12)}"])


def dimensions(rng, low=384, high=1024):
    """(width, height), most of them round numbers as real images have."""
    step = rng.choice([1, 2, 8, 16, 32])
    return tuple(round(math.exp(rng.uniform(math.log(low), math.log(high))) / step) * step for _ in range(2))


def noise_source(rng):
    """numpy's generator, seeded from Python's."""
    return np.random.default_rng(rng.getrandbits(64))


def hsl(hue, saturation, lightness):
    """(R, G, B) 0..255 from fractions."""
    return tuple(round(255 * v) for v in colorsys.hls_to_rgb(hue % 1, lightness, saturation))


def colour(rng, low=0.0, high=1.0):
    """A colour whose lightness is within the bounds; some are grey."""
    return hsl(rng.random(), rng.choice([0, 0.3, 0.6, 0.9, rng.random()]), rng.uniform(low, high))


def palette(rng, count):
    """Colours that go together: few hues, a spread of lightness."""
    hues = [rng.random() for _ in range(rng.randint(1, 4))]
    return [hsl(rng.choice(hues) + rng.gauss(0, 0.02), rng.uniform(0.1, 0.9), rng.uniform(0.12, 0.9))
            for _ in range(count)]


def css(rgb):
    return "#%02x%02x%02x" % tuple(rgb)


def as_image(array):
    """Floats 0..255, (H, W) or (H, W, 3), to an RGB image."""
    return Image.fromarray(np.clip(np.rint(array), 0, 255).astype(np.uint8)).convert("RGB")


def font(rng, low=9, high=28, files=FONT_FILES):
    return ImageFont.truetype(rng.choice(files), rng.randint(low, high))


def smooth_noise(rng, width, height, roughness=0.5):
    """Plasma: octaves of interpolated noise, scaled to 0..1, (H, W)."""
    source, total = noise_source(rng), np.zeros((height, width))
    for octave in range(1, 8):
        cells = source.random((2**octave + 1, 2**octave + 1)).astype(np.float32)
        total += roughness**octave * np.asarray(Image.fromarray(cells).resize((width, height), Image.BICUBIC))
    return (total - total.min()) / np.ptp(total)


def ramp(rng, values, stops=None):
    """Values 0..1 through a random piecewise-linear colour ramp: (H, W, 3) floats."""
    colours = np.array([colour(rng, 0.05, 0.95) for _ in range(stops or rng.randint(2, 6))], dtype=float)
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(values, at, colours[:, c]) for c in range(3)], axis=-1)


class Photographs:
    """Random crops of the images of a folder; coloured plasma if there is no folder."""

    def __init__(self, folder):
        self.paths = sorted(p for p in pathlib.Path(folder).iterdir() if p.is_file()) if folder else []

    def crop(self, rng, width, height):
        """A crop of the given size, taken at a random scale that never enlarges by much."""
        if not self.paths:
            return as_image(ramp(rng, smooth_noise(rng, width, height)))
        picture = Image.open(rng.choice(self.paths)).convert("RGB")
        fit = max(width / picture.width, height / picture.height)
        scale = max(fit, min(1, fit * rng.uniform(1, 2)))
        picture = picture.resize((math.ceil(picture.width * scale), math.ceil(picture.height * scale)), Image.LANCZOS)
        left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
        return picture.crop((left, top, left + width, top + height))


# ---- pages: HTML rendered by Chromium ----

LCD_TEXT = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<match target="pattern"><edit name="rgba" mode="assign"><const>rgb</const></edit></match></fontconfig>"""


def screenshot(rng, width, height, page):
    """The page as Chromium paints it, with grey or sub-pixel antialiasing, hinted or not, at several zooms."""
    zoom = rng.choices([1, 1.25, 1.5, 2], [6, 1, 1, 1])[0]
    hinting = rng.choice(["none", "slight", "medium", "full"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "page.html").write_text(page, encoding="utf-8")
        (folder / "fonts.conf").write_text(LCD_TEXT)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   f"--user-data-dir={folder}/profile", f"--force-device-scale-factor={zoom}",
                   f"--font-render-hinting={hinting}", f"--screenshot={folder}/page.png",
                   f"--window-size={math.ceil(width / zoom)},{math.ceil(height / zoom)}", f"{folder}/page.html"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        if rng.random() < 0.4:
            environment["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
            command.insert(1, "--enable-lcd-text")
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=60)
        return Image.open(folder / "page.png").convert("RGB").crop((0, 0, width, height))


class Page:
    """Random style and content of one page; the categories arrange its pieces."""

    def __init__(self, rng, photographs, script="latin", font_list=None):
        self.rng, self.photographs, self.words = rng, photographs, Words(rng, script)
        self.width, self.height = dimensions(rng, 448, 1024)
        hue, tint = rng.random(), rng.choice([0, 0, 0.08, 0.2])
        self.dark = rng.random() < 0.4
        levels = [0.1, 0.14, 0.19, 0.3, 0.6, 0.9] if self.dark else [1, 0.965, 0.93, 0.85, 0.45, 0.12]
        shades = [css(hsl(hue, tint, min(1, level + rng.uniform(-0.03, 0.03)))) for level in levels]
        self.back, self.panel, self.raised, self.line, self.muted, self.ink = shades
        self.accents = [css(hsl(hue + i * rng.choice([0.1, 0.3, 0.5]), rng.uniform(0.4, 0.95), rng.uniform(0.35, 0.6)))
                        for i in range(6)]
        self.font = rng.choice(font_list or SANS * 2 + SERIF)
        self.size, self.radius = rng.randint(11, 18), rng.choice([0, 0, 2, 4, 8, 16])
        self.shadow = rng.choice(["none", "0 1px 3px #0004", "0 4px 16px #0003", "2px 2px 0 #0008"])

    def accent(self):
        return self.rng.choice(self.accents)

    def icon(self, size=None):
        """A glyph or a small drawing."""
        rng, size = self.rng, size or self.rng.choice([14, 16, 20, 24])
        if rng.random() < 0.5:
            return f'<span style="font-size:{size}px;color:{self.accent()}">{rng.choice(ICONS)}</span>'
        points = " ".join(f"{rng.randint(2, 22)},{rng.randint(2, 22)}" for _ in range(rng.randint(3, 6)))
        shape = rng.choice([f'<polyline points="{points}"/>', f'<polygon points="{points}" fill="{self.accent()}"/>',
                            f'<circle cx="12" cy="12" r="9"/><path d="M12 6v6l{rng.randint(-4, 4)} 4"/>',
                            f'<rect x="3" y="{rng.randint(3, 8)}" width="18" height="12" rx="3"/><path d="M3 12h18"/>'])
        return (f'<svg width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" stroke="{self.accent()}" '
                f'stroke-width="2" style="vertical-align:middle">{shape}</svg>')

    def photograph(self, width, height):
        """An <img>, JPEG as on most pages, or lossless; shown pixel for pixel at zoom 1."""
        data, kind = io.BytesIO(), self.rng.choice(["jpeg", "png"])
        self.photographs.crop(self.rng, width, height).save(data, kind, quality=self.rng.randint(70, 95))
        source = base64.b64encode(data.getvalue()).decode()
        return f'<img src="data:image/{kind};base64,{source}" width="{width}" style="border-radius:{self.radius}px">'

    def button(self):
        fill = f"background:{self.accent()};color:#fff" if self.rng.random() < 0.6 else "border:1px solid currentColor"
        icon = self.icon(14) if self.rng.random() < 0.4 else ""
        return f'<span class="button" style="{fill}">{icon} {self.words.title(2)}</span>'

    def bar(self, items=5):
        """A header or tool bar."""
        links = "".join(f"<span>{self.icon(16) if self.rng.random() < 0.4 else ''} {self.words.title(1)}</span>"
                        for _ in range(items))
        paint = self.rng.choice([self.panel, self.raised, self.accent(),
                                 f"linear-gradient({self.rng.choice([90, 180])}deg,{self.accent()},{self.accent()})"])
        return f'<div class="bar" style="background:{paint}">{self.icon(24)}{links}</div>'

    def box(self, content, style=""):
        return f'<div class="box" style="{style}">{content}</div>'

    def render(self, body, style=""):
        direction = "rtl" if self.words.script in ("arabic", "hebrew") else "ltr"
        page = f"""<!DOCTYPE html><meta charset="utf-8"><style>
* {{ box-sizing: border-box }}
body {{ margin: 0; background: {self.back}; color: {self.ink}; font: {self.size}px/1.45 '{self.font}'; direction:
 {direction}; overflow: hidden }}
.bar {{ display: flex; gap: 1.3em; padding: .6em 1em; align-items: center; white-space: nowrap;
 border-bottom: 1px solid {self.line} }}
.box {{ background: {self.panel}; border: 1px solid {self.line}; border-radius: {self.radius}px; padding: .8em;
 box-shadow: {self.shadow}; overflow: hidden }}
.button {{ display: inline-block; padding: .3em .9em; border-radius: {self.radius}px; margin: .2em }}
.grid {{ display: grid; gap: .8em; padding: .8em }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ padding: .3em .6em; text-align: start }}
h1, h2, h3 {{ margin: .4em 0; line-height: 1.2 }} p {{ margin: .5em 0 }} small {{ color: {self.muted} }}
a {{ color: {self.accents[0]}; text-decoration: underline }} {style}</style>{body}"""
        return screenshot(self.rng, self.width, self.height, page)


def article(rng, photographs, page=None):
    """Headings, paragraphs with links, quotations, lists, at times columns and a photograph."""
    page = page or Page(rng, photographs)
    parts = [f"<h1>{page.words.title(6)}</h1><small>{page.words.sentence()}</small>"]
    for _ in range(12):
        text = page.words.paragraph()
        kind = rng.random()
        if kind < 0.15:
            text = f"<h3>{page.words.title(5)}</h3>{text}"
        elif kind < 0.35:
            text += f" <a>{page.words.title()}</a> <b>{page.words.sentence()}</b> <i>{page.words.paragraph(2)}</i>"
        elif kind < 0.45:
            text = f'<div style="border-inline-start:4px solid {page.accent()};padding:.5em 1em">{text}</div>'
        elif kind < 0.55:
            text = "<ul>" + "".join(f"<li>{page.words.sentence()}" for _ in range(4)) + "</ul>"
        elif kind < 0.63:
            text = page.photograph(rng.randint(180, 420), rng.randint(120, 260)) + "<br>" + text
        parts.append(f"<p>{text}</p>")
    columns = rng.choice([1, 1, 2, 3])
    align = rng.choice(["start", "justify"])
    return page.render(page.bar() * rng.randint(0, 1) + f'<div style="padding:1em 2em;columns:{columns};text-align:'
                       f'{align}">' + "".join(parts) + "</div>")


def scripts(rng, photographs):
    """An article in another script than plain Latin."""
    script = rng.choice([s for s in Words.SCRIPTS if s != "latin"])
    return article(rng, photographs, Page(rng, photographs, script))


def table(rng, photographs):
    """A spreadsheet or a listing."""
    page = Page(rng, photographs)
    page.size = rng.randint(10, 15)
    columns = rng.randint(4, 10)
    kinds = [rng.choice(["word", "number", "number", "tag", "icon"]) for _ in range(columns)]

    def cell(kind):
        if kind == "tag":
            return f'<span class="button" style="background:{page.accent()};color:#fff">{page.words.word()}</span>'
        return {"word": page.words.title(2), "number": page.words.number(), "icon": page.icon(14)}[kind]

    rows = ["<tr>" + "".join(f"<th>{page.words.title(1)}</th>" for _ in kinds) + "</tr>"]
    rows += ["<tr>" + "".join(f"<td>{cell(kind)}</td>" for kind in kinds) + "</tr>" for _ in range(45)]
    grid = rng.choice(["td,th{border:1px solid %s}", "td{border-bottom:1px solid %s}", "/*%s*/"]) % page.line
    stripes = f"tr:nth-child(2n){{background:{page.raised}}}" if rng.random() < 0.5 else ""
    return page.render(page.bar() + f"<table>{''.join(rows)}</table>",
                       f"{grid} {stripes} td {{white-space:nowrap}} th {{background:{page.raised}}}")


def form(rng, photographs):
    """Labels, fields, switches, sliders and buttons."""
    page, rows = Page(rng, photographs), []
    for _ in range(16):
        accent, full = page.accent(), rng.randint(5, 95)
        field = rng.choice([
            f'<input value="{page.words.title(4)}">', f'<textarea rows=3>{page.words.paragraph()}</textarea>',
            f'<select><option>{page.words.title()}</select>',
            "".join(f'<input type="{rng.choice(["checkbox", "radio"])}" {rng.choice(["checked", ""])}>'
                    f"{page.words.word()} " for _ in range(3)),
            f'<div style="height:8px;border-radius:4px;background:linear-gradient(90deg,{accent} {full}%,'
            f'{page.line} 0)"></div>',
            f'<input type="range" value="{full}" style="accent-color:{accent}">', page.button() + page.button()])
        rows.append(f"<label>{page.words.title()}</label><div>{field}</div>")
    style = (f"input:not([type]),textarea,select{{font:inherit;width:100%;padding:.3em;background:{page.back};"
             f"color:inherit;border:1px solid {page.line};border-radius:{page.radius}px}}")
    columns = rng.choice(["1fr 3fr", "1fr", "1fr 2fr 1fr 2fr"])
    form_box = page.box(f'<h2>{page.words.title()}</h2><div class="grid" style="grid-template-columns:{columns}">'
                        + "".join(rows) + "</div>", f"margin:{rng.randint(0, 60)}px")
    return page.render(page.bar() + form_box, style)


def code_lines(rng, words, colours, count):
    """Indented lines of made-up source text, as HTML with syntax colours."""
    def span(kind, text):
        return f'<span style="color:{colours[kind]}">{text}</span>'

    depth, lines = 0, []
    for _ in range(count):
        name, call, number = words.word(), words.word(), words.number().split("-")[0]
        keyword, operator = rng.choice(["if ", "for ", "while "]), rng.choice(["&lt;", "==", "in"])
        line, step = rng.choices([
            (span(0, "fn ") + span(1, name) + f"({call}: " + span(2, words.word().capitalize()) + ") {", 1),
            (span(0, keyword) + f"{name} {operator} {call} {{", 1),
            ("}", -1), ("", 0), (span(3, f"// {words.sentence()}"), 0), (f"{name}.{span(1, call)}({number});", 0),
            (span(0, "let ") + f"{name}_{call} = " + span(4, f'"{words.title(4)}"') + ";", 0),
            (f"{name}[{span(5, number)}] += {call} * ({span(5, number)} - {words.word()});", 0),
            (span(0, "return ") + f"{span(1, call)}(&amp;{name}, {span(5, number)})", 0)],
            [1, 2, 2, 1, 1.5, 3, 2, 2, 1])[0]
        depth = max(0, depth + min(step, 0))
        lines.append("    " * depth + line)
        depth = min(5, depth + max(step, 0))
    return lines


def code(rng, photographs):
    """A code editor: tabs, a tree of files, numbered lines, a status bar."""
    page = Page(rng, photographs, font_list=MONO)
    light = 0.7 if page.dark else 0.33
    colours = [css(hsl(rng.random(), rng.uniform(0.3, 0.9), light)) for _ in range(3)] + [page.muted] + [
        css(hsl(rng.random(), 0.6, light)) for _ in range(2)]
    first = rng.randint(1, 900)
    lines = [f'<span style="color:{page.muted}">{first + i:4d}</span>  {line}'
             for i, line in enumerate(code_lines(rng, page.words, colours, 75))]
    lines[rng.randint(0, 25)] += f'<span style="background:{page.line}">    {page.words.word()}  </span>'
    tree = "".join(f'<div style="padding-left:{rng.randint(0, 3)}em">{rng.choice("▸▾ ")} {page.words.word()}.'
                   f'{rng.choice(["rs", "py", "js"])}</div>' for _ in range(45))
    side = f'<div style="background:{page.panel};width:{rng.randint(130, 220)}px">{tree}</div>' * (rng.random() < 0.6)
    tabs = page.bar(4) * (rng.random() < 0.7)
    status = (f'<div style="position:fixed;bottom:0;width:100%;background:{page.accent()};color:#fff">'
              f"&nbsp;{page.words.title(4)} {page.words.number()}</div>")
    return page.render(f'{tabs}<div style="display:flex">{side}<pre style="margin:0;font:inherit">' + "\n".join(lines)
                       + f"</pre></div>{status}")


def chat(rng, photographs):
    """Bubbles left and right, round avatars, at times a picture, a list of conversations."""
    page, bubbles = Page(rng, photographs), []
    mine, theirs = page.accent(), page.raised
    for _ in range(18):
        own = rng.random() < 0.5
        content = page.photograph(200, rng.randint(100, 180)) if rng.random() < 0.08 else page.words.paragraph(2)
        paint = f"background:{mine};color:#fff;align-self:end" if own else f"background:{theirs};align-self:start"
        bubbles.append(f'<div class="bubble" style="{paint}">{content}'
                       f'<br><small>{rng.randint(10, 23)}:{rng.randint(10, 59)}</small></div>')
    people = "".join(f'<div class="person"><div class="face" style="background:{page.accent()}">'
                     f"{page.words.title(1)[0]}</div><div><b>{page.words.title(2)}</b><br><small>"
                     f"{page.words.sentence()}</small></div></div>" for _ in range(14))
    side = f'<div style="width:220px;flex:none;overflow:hidden;background:{page.panel}">{people}</div>'
    style = f""".bubble {{ max-width: 70%; padding: .5em .9em; border-radius: {rng.choice([6, 14, 18])}px }}
.person {{ display: flex; gap: .6em; padding: .5em; white-space: nowrap }}
.talk {{ flex: 1; display: flex; flex-direction: column; gap: .6em; padding: 1em }}
.face {{ width: 36px; height: 36px; flex: none; border-radius: 50%; color: #fff; text-align: center;
 line-height: 36px }}
"""
    return page.render(page.bar(2) + f'<div style="display:flex">{side * (rng.random() < 0.6)}<div class="talk">'
                       + "".join(bubbles) + "</div></div>", style)


def dashboard(rng, photographs):
    """Cards with figures, bars, sparklines and rings, drawn as SVG."""
    page, cards = Page(rng, photographs), []
    for _ in range(20):
        accent, values = page.accent(), [rng.randint(5, 60) for _ in range(rng.randint(6, 24))]
        step = 200 / len(values)
        points = " ".join(f"{i * step:.1f},{64 - v}" for i, v in enumerate(values))
        shape = rng.choice([
            "".join(f'<rect x="{i * step:.1f}" y="{64 - v}" width="{step * 0.7:.1f}" height="{v}" fill="{accent}"/>'
                    for i, v in enumerate(values)),
            f'<polyline points="{points}" fill="none" stroke="{accent}" stroke-width="2"/>',
            f'<polygon points="0,64 {points} 200,64" fill="{accent}" opacity="0.5"/>',
            f'<g fill="none" stroke-width="9"><circle cx="60" cy="32" r="24" stroke="{page.line}"/>'
            f'<circle cx="60" cy="32" r="24" stroke="{accent}" stroke-dasharray="{values[0] * 2} 200"/></g>'])
        drawing = f'<svg viewBox="0 0 200 64" width="100%">{shape}</svg>'
        cards.append(page.box(f"<small>{page.icon()} {page.words.title(2)}</small><h2>{page.words.number()}</h2>"
                              + (drawing if rng.random() < 0.7 else page.words.paragraph(2))))
    return page.render(page.bar() + f'<div class="grid" style="grid-template-columns:repeat({rng.randint(2, 5)},1fr)">'
                       + "".join(cards) + "</div>")


def gallery(rng, photographs):
    """A shop or a blog: a coloured banner and cards with photographs."""
    page = Page(rng, photographs)
    columns = rng.randint(2, 4)
    wide = page.width // columns - 50
    cards = [page.box((page.photograph(wide, rng.randint(90, 200)) if rng.random() < 0.6 else page.icon(60))
                      + f"<h3>{page.words.title()}</h3><small>{page.words.sentence()}</small><br>{page.button()}")
             for _ in range(12)]
    ramp_shape = rng.choice(["linear", "radial"])
    banner = (f'<div style="padding:2em;color:#fff;background:{ramp_shape}-gradient({page.accent()},'
              f'{page.accent()})"><h1>{page.words.title(4)}</h1>{page.words.sentence()} {page.button()}</div>')
    return page.render(page.bar() + banner * rng.randint(0, 1) + '<div class="grid" style="grid-template-columns:'
                       f'repeat({columns},1fr)">' + "".join(cards) + "</div>")


def desktop(rng, photographs):
    """Overlapping windows and icons on a wallpaper, with a task bar."""
    page, windows = Page(rng, photographs), []
    for _ in range(rng.randint(1, 4)):
        left, top = rng.randint(0, page.width // 2), rng.randint(0, page.height // 2)
        icons = " ".join(page.icon(32) + page.words.word() for _ in range(40))
        content = rng.choice([
            page.words.paragraph(20), f'<div style="columns:3">{icons}</div>',
            "<br>".join(f"{page.icon(14)} {page.words.title(2)} <small>{page.words.number()}</small>"
                        for _ in range(30)), page.photograph(300, 220)])
        title = (f'<div class="bar" style="padding:.2em .6em;background:{page.raised}"><b>{page.words.title()}</b>'
                 f'<span style="margin-left:auto">— □ ✕</span></div><div class="bar">{page.words.title(4)}</div>')
        windows.append(page.box(title + content, f"position:absolute;left:{left}px;top:{top}px;padding:0;width:"
                                f"{rng.randint(250, 560)}px;height:{rng.randint(180, 460)}px"))
    icons = "".join(f'<div style="width:80px;text-align:center;color:#fff;padding:.4em">{page.icon(40)}<br>'
                    f"{page.words.word()}</div>" for _ in range(6))
    back = rng.choice([page.accent(), f"linear-gradient({rng.randint(0, 360)}deg,{page.accent()},{page.accent()})"])
    picture = f'<div style="position:absolute;z-index:-1">{page.photograph(page.width, page.height)}</div>'
    task_bar = f'<div style="position:fixed;bottom:0;width:100%">{page.bar(6)}</div>'
    return page.render((picture if rng.random() < 0.3 else "") + icons + "".join(windows) + task_bar,
                       f"html {{background:{back}}} body {{background:none}}")


# ---- text without a browser ----

def terminal(rng, photographs):
    """A terminal: monospaced cells in a bitmap font or an outline font without antialiasing, ANSI colours."""
    width, height = dimensions(rng)
    words, dark = Words(rng), rng.random() < 0.8
    back, ink = ((colour(rng, 0, 0.15), colour(rng, 0.75, 1)) if dark else (colour(rng, 0.9, 1), colour(rng, 0, 0.2)))
    colours = [hsl(i / 6 + rng.uniform(-0.05, 0.05), rng.uniform(0.5, 1), 0.6 if dark else 0.35) for i in range(6)]
    image = Image.new("RGB", (width, height), back)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.5:
        draw.fontmode, face = "1", ImageFont.truetype(BITMAP_FONT.format(rng.choice(["normal", "bold"])),
                                                      rng.choice(BITMAP_SIZES))
    else:
        draw.fontmode, face = rng.choice("1L"), font(rng, 10, 18, MONO_FILES)
    cell, line = round(face.getlength("M")), sum(face.getmetrics()) + rng.randint(0, 2)
    for y in range(2, height, line):
        kind, x = rng.choice(["listing", "text", "prompt", "log", "rule"]), 2
        runs = {"listing": [(f"{rng.choice(['drwxr-xr-x', '-rw-r--r--'])}  {words.number():>12}  ", ink),
                            (f"{words.word()}.{words.word()}", rng.choice(colours))],
                "text": [(words.sentence(), ink)],
                "prompt": [(f"{words.word()}@{words.word()}:~$ ", colours[0]), (words.sentence().lower(), ink)],
                "log": [(f"[{words.number():>10}] ", colours[1]),
                        (rng.choice([" INFO ", " WARN "]), rng.choice(colours)), (words.sentence(), ink)],
                "rule": [("+".join("-" * rng.choice([8, 16]) for _ in range(6)), ink)]}[kind]
        for text, paint in runs:
            if rng.random() < 0.03:
                draw.rectangle([x, y, x + cell * len(text), y + line - 1], fill=paint)
                paint = back
            draw.text((x, y), text, fill=paint, font=face)
            x += cell * len(text)
    return image


def document(rng, photographs):
    """A page as a scanner in its black-and-white mode delivers it: a little rotated, thresholded, specks."""
    width, height = dimensions(rng, 512, 1024)
    words = Words(rng, rng.choice(["latin", "latin", "accented", "cyrillic"]))
    paper = Image.new("L", (width, height), 255)
    draw, face = ImageDraw.Draw(paper), font(rng, 11, 24)
    margin, columns = rng.randint(15, 60), rng.choice([1, 1, 2])
    column = (width - margin * (columns + 1)) // columns
    for left in range(margin, width - margin, column + margin):
        for y in range(margin, height - margin, round(sum(face.getmetrics()) * 1.05)):
            text = words.sentence() + " " + words.sentence() if rng.random() < 0.93 else words.title(2)
            while face.getlength(text) > column and " " in text:
                text = text.rsplit(" ", 1)[0]
            draw.text((left, y), text, fill=0, font=face)
    if rng.random() < 0.3:
        draw.rectangle([margin, height // 2, width - margin, height // 2 + rng.randint(20, 90)], outline=0, width=2,
                       fill=255)
    if rng.random() < 0.8:
        paper = paper.rotate(rng.uniform(-1.5, 1.5), Image.BICUBIC, fillcolor=255)
    grain = noise_source(rng).normal(0, rng.choice([0, 8, 25]), (height, width))
    specks = noise_source(rng).random((height, width)) < rng.choice([0, 0, 0.0004])
    return as_image(np.where((np.asarray(paper) + grain > rng.randint(110, 190)) ^ specks, 255, 0))


# ---- charts ----

def chart(rng, photographs):
    """Matplotlib: one to six panels of the common kinds of plot."""
    width, height = dimensions(rng)
    data, words = noise_source(rng), Words(rng, rng.choice(["latin", "accented", "greek"]))
    style = rng.choice(["default"] * 4 + ["ggplot", "dark_background", "seaborn-v0_8", "bmh", "grayscale", "classic",
                                          "fivethirtyeight", "Solarize_Light2"])
    smooth, maps = rng.random() < 0.85, sorted(m for m in plt.colormaps() if not m.endswith("_r"))
    with plt.style.context(["default", style]):
        plt.rcParams.update({"font.family": rng.choice(SANS + SERIF), "font.size": rng.randint(7, 12),
                             "text.antialiased": smooth, "lines.antialiased": smooth, "patch.antialiased": smooth,
                             "axes.grid": rng.random() < 0.4, "axes.unicode_minus": False})
        rows, columns = rng.choice([(1, 1), (1, 1), (1, 1), (2, 1), (1, 2), (2, 2), (2, 3)])
        figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
        for panel in range(rows * columns):
            draw_panel(rng, data, words, figure, (rows, columns, panel + 1), rng.choice(maps), smooth)
        if rng.random() < 0.8:
            figure.tight_layout()
        figure.canvas.draw()
        image = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
        plt.close(figure)
    return image


def draw_panel(rng, data, words, figure, position, colour_map, smooth):
    """One plot of random data."""
    kind = rng.choice(["lines", "lines", "bars", "stacked", "scatter", "heat", "contour", "histogram", "pie", "surface",
                       "boxes", "area", "steps"])
    axes = figure.add_subplot(*position, projection="3d" if kind == "surface" else None)
    count, x = rng.randint(2, 6), np.linspace(0, rng.uniform(1, 50), rng.choice([12, 60, 300]))
    curves = [np.cumsum(data.normal(0, 1, len(x))) if rng.random() < 0.6
              else np.sin(x * rng.uniform(0.1, 3)) * rng.uniform(1, 5) for _ in range(count)]
    colours, names = plt.get_cmap(colour_map)(np.linspace(0, 1, count)), [words.word() for _ in range(count)]
    field = smooth_noise(rng, *[rng.choice([8, 24, 120])] * 2)
    if kind in ("lines", "area", "steps"):
        for curve, name in zip(curves, names):
            if kind == "area":
                axes.fill_between(x, curve, alpha=0.5, label=name)
            else:
                axes.plot(x, curve, rng.choice(["-", "--", ":", "-", "o-", "s-"]), label=name, ms=4,
                          lw=rng.choice([0.7, 1, 1.5, 3]), drawstyle="steps" if kind == "steps" else "default")
        axes.legend()
    elif kind in ("bars", "stacked"):
        base, bars = np.zeros(count), [f"{words.word()[:5]}{i}" for i in range(count)]
        for _ in range(1 if kind == "bars" else 3):
            values = data.uniform(0, 10, count)
            axes.bar(bars, values, bottom=base, color=colours if kind == "bars" else None)
            base = base + values
    elif kind == "scatter":
        axes.scatter(*data.normal(0, 1, (2, 300)), c=data.random(300), cmap=colour_map, s=rng.choice([4, 15, 60]),
                     alpha=rng.choice([1, 0.6]), marker=rng.choice("o^sx+"))
    elif kind == "heat":
        picture = axes.imshow(field if rng.random() < 0.6 else data.random((9, 12)), cmap=colour_map, aspect="auto",
                              interpolation=rng.choice(["nearest", "bilinear"]))
        figure.colorbar(picture)
    elif kind == "contour":
        rng.choice([axes.contour, axes.contourf])(field, levels=rng.randint(5, 25), cmap=colour_map, antialiased=smooth)
    elif kind == "histogram":
        axes.hist(data.normal(0, 1, (500, rng.randint(1, 3))), bins=rng.randint(8, 50))
    elif kind == "pie":
        axes.pie(data.uniform(1, 5, count), labels=names, colors=colours, autopct="%1.1f%%")
    elif kind == "boxes":
        axes.boxplot(data.normal(0, 1, (60, count)))
    else:
        axes.plot_surface(*np.meshgrid(*[np.arange(len(field))] * 2), field, cmap=colour_map, antialiased=smooth)
    axes.set_title(words.title())
    if kind != "pie":
        axes.set_xlabel(words.title(2))
        axes.set_ylabel(words.title(2))


# ---- drawings ----

class Canvas:
    """A drawing surface: with antialiasing everything is drawn at three times the size, then reduced."""

    def __init__(self, rng, back, antialias=None):
        self.width, self.height = dimensions(rng)
        self.scale = 3 if (rng.random() < 0.7 if antialias is None else antialias) else 1
        self.image = Image.new("RGB", (self.width * self.scale, self.height * self.scale), back)
        self.draw, self.labels = ImageDraw.Draw(self.image), []

    def scaled(self, points):
        return [(x * self.scale, y * self.scale) for x, y in points]

    def polygon(self, points, fill=None, outline=None, width=1):
        self.draw.polygon(self.scaled(points), fill=fill)
        if outline:
            self.line([*points, points[0]], outline, width)

    def line(self, points, fill, width=1):
        self.draw.line(self.scaled(points), fill=fill, width=round(width * self.scale), joint="curve")

    def ellipse(self, x, y, rx, ry, fill=None, outline=None, width=1):
        box = self.scaled([(x - rx, y - ry), (x + rx, y + ry)])
        self.draw.ellipse(box, fill=fill, outline=outline, width=width * self.scale)

    def box(self, x, y, width, height, radius=0, fill=None, outline=None, line=1):
        box = self.scaled([(x, y), (x + width, y + height)])
        self.draw.rounded_rectangle(box, radius * self.scale, fill=fill, outline=outline, width=line * self.scale)

    def text(self, x, y, text, fill, face, halo=None):
        """Text is drawn last, at the final size, as other programs do."""
        self.labels.append((x, y, text, fill, face, halo))

    def finish(self):
        image = self.image.resize((self.width, self.height), Image.BOX)
        draw = ImageDraw.Draw(image)
        draw.fontmode = "L" if self.scale > 1 else "1"
        for x, y, text, fill, face, halo in self.labels:
            draw.text((x, y), text, fill=fill, font=face, anchor="mm", stroke_width=2 if halo else 0, stroke_fill=halo)
        return image


def blob(rng, x, y, radius, points=None, wobble=0.35):
    """A closed smooth outline around a point."""
    waves = [(k, rng.gauss(0, wobble / k), rng.uniform(0, 7)) for k in range(2, 7)]
    count = points or 72
    angles = [2 * math.pi * i / count for i in range(count)]
    spread = [radius * max(0.15, 1 + sum(a * math.cos(k * t + p) for k, a, p in waves)) for t in angles]
    return [(x + r * math.cos(t), y + r * math.sin(t)) for r, t in zip(spread, angles)]


def city_map(rng, photographs):
    """Land and water, parks, blocks of houses, roads with casings, labels with halos."""
    light = rng.random() < 0.8
    low, high = (0.75, 0.97) if light else (0.08, 0.3)
    land, water, park, house, road = (colour(rng, low, high) for _ in range(5))
    casing, words = colour(rng, 0.3, 0.7), Words(rng, rng.choice(["latin", "accented", "cyrillic", "greek"]))
    canvas, face = Canvas(rng, land), font(rng, 9, 15)
    width, height = canvas.width, canvas.height
    for fill in [water, park, park, water, park]:
        canvas.polygon(blob(rng, rng.uniform(0, width), rng.uniform(0, height), rng.uniform(40, 220)), fill,
                       casing if rng.random() < 0.3 else None)
    tilt, step = rng.uniform(-0.6, 0.6), rng.randint(35, 90)
    cos, sin, reach = math.cos(tilt), math.sin(tilt), width + height

    def place(u, v):
        u, v = u - reach / 2, v - reach / 2
        return width / 2 + u * cos - v * sin, height / 2 + u * sin + v * cos

    for u in range(0, reach, step):
        for v in range(0, reach, step):
            if rng.random() < 0.5:
                a, b = rng.uniform(0.15, 0.4) * step, rng.uniform(0.5, 0.85) * step
                canvas.polygon([place(u + a, v + a), place(u + b, v + a), place(u + b, v + b), place(u + a, v + b)],
                               house, casing if rng.random() < 0.5 else None)
    roads = [([place(i * step, 0), place(i * step, reach)], 3) for i in range(reach // step) if rng.random() < 0.6]
    roads += [([place(0, i * step), place(reach, i * step)], 3) for i in range(reach // step) if rng.random() < 0.6]
    for _ in range(3):
        bend, phase = rng.uniform(20, 120), rng.uniform(0, 6)
        roads.append(([place(t, reach / 2 + bend * math.sin(t / 150 + phase)) for t in range(0, reach, 12)], 8))
    for extra, paint in [(2, lambda _: casing), (0, lambda size: road if size < 5 else hsl(0.12, 0.8, 0.7))]:
        for points, size in roads:
            canvas.line(points, paint(size), size + extra)
    for _ in range(rng.randint(8, 40)):
        canvas.text(rng.uniform(0, width), rng.uniform(0, height), words.title(2),
                    (40, 40, 60) if light else (220, 220, 220), face, land if rng.random() < 0.8 else None)
    return canvas.finish()


def diagram(rng, photographs):
    """Boxes, ellipses and diamonds on a grid, joined by arrows."""
    words, back = Words(rng), rng.choice([(255, 255, 255), colour(rng, 0.9, 1), colour(rng, 0.05, 0.2)])
    ink = (20, 20, 20) if sum(back) > 380 else (230, 230, 230)
    canvas, face, fills = Canvas(rng, back), font(rng, 10, 17), palette(rng, rng.randint(1, 5)) + [back]
    step_x, step_y, line = rng.randint(110, 200), rng.randint(70, 140), rng.choice([1, 1, 2, 3])
    if rng.random() < 0.25:
        for x in range(0, max(canvas.width, canvas.height), 16):
            canvas.line([(x, 0), (x, canvas.height)], tuple((3 * b + i) // 4 for b, i in zip(back, ink)))
            canvas.line([(0, x), (canvas.width, x)], tuple((3 * b + i) // 4 for b, i in zip(back, ink)))
    nodes = [(x, y) for y in range(step_y // 2, canvas.height, step_y) for x in range(step_x // 2, canvas.width, step_x)
             if rng.random() < 0.8]
    for (x, y), (end_x, end_y) in zip(nodes, nodes[1:] + rng.sample(nodes, 1)):
        corner = rng.choice([[(end_x, y)], [(x, end_y)], []])
        canvas.line([(x, y), *corner, (end_x, end_y)], ink, line)
        tip_y = end_y - step_y * 0.28
        canvas.polygon([(end_x, tip_y), (end_x - 4, tip_y - 8), (end_x + 4, tip_y - 8)], ink)
    for x, y in nodes:
        half_x, half_y, fill = step_x * 0.36, step_y * 0.28, rng.choice(fills)
        shape = rng.random()
        if shape < 0.6:
            canvas.box(x - half_x, y - half_y, 2 * half_x, 2 * half_y, rng.choice([0, 6, 14]), fill, ink, line)
        elif shape < 0.8:
            canvas.ellipse(x, y, half_x, half_y, fill, ink, line)
        else:
            canvas.polygon([(x - half_x, y), (x, y - half_y), (x + half_x, y), (x, y + half_y)], fill, ink, line)
        dark_text = fill != back and sum(fill) > 380 or fill == back and sum(back) > 380
        canvas.text(x, y, words.title(2), (20, 20, 20) if dark_text else (240, 240, 240), face)
    return canvas.finish()


def schematic(rng, photographs):
    """Line art: circuits of wires, parts and dots, or a technical drawing of circles, axes and hatching."""
    back, ink = rng.choice([((255, 255, 255), (0, 0, 0)), ((255, 255, 255), (0, 0, 0)),
                            (hsl(0.6, 0.7, 0.25), (235, 240, 255)), (colour(rng, 0.9, 1), colour(rng, 0, 0.3))])
    canvas, face, words, line = Canvas(rng, back), font(rng, 9, 14), Words(rng), rng.choice([1, 1, 2])
    for _ in range(rng.randint(30, 90)):
        x, y = rng.randrange(0, canvas.width, 16), rng.randrange(0, canvas.height, 16)
        kind = rng.choice(["wire", "wire", "wire", "part", "coil", "circle", "hatch"])
        if kind == "wire":
            far = tuple(start + rng.choice([-1, 1]) * rng.randrange(32, 300, 16) for start in (x, y))
            canvas.line([(x, y), (far[0], y), far], ink, line)
            canvas.ellipse(*far, 3, 3, ink)
        elif kind == "part":
            canvas.box(x, y, 48, 16, 0, back, ink, line)
            canvas.text(x + 24, y - 8, f"{rng.choice('RCLQ')}{rng.randint(1, 99)}", ink, face)
        elif kind == "coil":
            points = [(x + t, y + 6 * (i % 2)) for i, t in enumerate(range(0, 60, 6))]
            canvas.line(points, ink, line)
            canvas.text(x + 30, y + 18, words.word(), ink, face)
        elif kind == "circle":
            radius = rng.randint(8, 90)
            canvas.ellipse(x, y, radius, radius, None, ink, line)
            for t in range(-radius - 12, radius + 12, 12):
                canvas.line([(x + t, y), (x + t + 7, y)], ink, line)
        else:
            for t in range(0, 60, 6):
                canvas.line([(x + t, y), (x, y + t)], ink, line)
    return canvas.finish()


def cartoon(rng, photographs):
    """Flat or two-tone shapes with thick outlines: hills, sun, clouds, trees, creatures."""
    colours, outline = palette(rng, 10), rng.choice([(0, 0, 0), (30, 20, 40), None])
    canvas, line = Canvas(rng, colours[0]), rng.choice([2, 3, 5])
    width, height = canvas.width, canvas.height
    canvas.ellipse(rng.uniform(0, width), height * 0.2, 50, 50, hsl(0.14, 0.9, 0.6), outline, line)
    for fill, level in zip(colours[1:4], [0.5, 0.65, 0.8]):
        phase, swing, length = rng.uniform(0, 6), rng.uniform(10, 60), rng.uniform(50, 160)
        hills = [(x, height * level + swing * math.sin(x / length + phase)) for x in range(-10, width + 20, 6)]
        canvas.polygon([*hills, (width + 20, height + 9), (-10, height + 9)], fill, outline, line)
    for _ in range(rng.randint(8, 30)):
        x, y, size, fill = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(14, 70), rng.choice(colours)
        if rng.random() < 0.4:
            canvas.box(x - size / 8, y, size / 4, size * 1.6, 2, hsl(0.08, 0.5, 0.35), outline, line)
        canvas.polygon(blob(rng, x, y, size, wobble=0.25), fill, outline, line)
        if rng.random() < 0.4:
            for eye in (x - size / 3, x + size / 3):
                canvas.ellipse(eye, y - size / 5, size / 6, size / 5, (255, 255, 255), outline, 1)
                canvas.ellipse(eye, y - size / 6, size / 14, size / 14, (0, 0, 0))
    return canvas.finish()


# ---- pixel art ----

def sprite(rng, size, colours):
    """(size, size) palette indices, 0 is clear: a mirrored random figure with an outline and two-tone shading."""
    x, y = coordinates(size, size)
    half = (smooth_noise(rng, size, size, 0.8) > 0.25 + 0.5 * np.hypot(x, y))[:, : size // 2]
    half[0] = half[-1] = half[:, 0] = False
    figure = np.concatenate([half, half[:, ::-1]], axis=1)
    grown = np.pad(figure, 1)
    grown = grown[:-2, 1:-1] | grown[2:, 1:-1] | grown[1:-1, :-2] | grown[1:-1, 2:]
    body = rng.randrange(2, colours - 1)
    shade = np.where(smooth_noise(rng, size, size, 0.7) + (x + y) / 4 > 0.55, body + 1, body)
    return np.where(figure, shade, np.where(grown, 1, 0))


def magnify(rng, indices, colours, factor=None):
    """Palette indices to an RGB image, each pixel a square."""
    factor = factor or rng.choice([1, 2, 2, 3, 4])
    limit = 1024 // factor
    pixels = np.array(colours, dtype=np.uint8)[indices[:limit, :limit]]
    return Image.fromarray(pixels.repeat(factor, 0).repeat(factor, 1))


def sprites(rng, photographs):
    """A sheet of sprites."""
    colours, size = palette(rng, rng.choice([4, 8, 16])), rng.choice([8, 12, 16, 24, 32])
    factor = rng.choice([1, 2, 3, 4])
    columns, rows = (math.ceil(side / factor / (size + 2)) for side in dimensions(rng))
    kinds = [sprite(rng, size, len(colours)) for _ in range(rng.choice([6, 30, 400]))]
    sheet = np.block([[np.pad(rng.choice(kinds), 1) for _ in range(columns)] for _ in range(rows)])
    return magnify(rng, sheet, colours, factor)


def tile_map(rng, photographs):
    """A game screen: textured tiles placed by a smooth field, sprites on top, a status bar."""
    count, size, factor = rng.choice([8, 16, 32]), rng.choice([8, 16, 16, 32]), rng.choice([1, 2, 2, 3, 4])
    colours, source = sorted(palette(rng, count), key=sum), noise_source(rng)
    tiles = []
    for level in range(rng.randint(3, 7)):
        base, flecks = level * count // 7, source.random((size, size)) < rng.uniform(0.05, 0.4)
        tile = np.where(flecks, min(count - 1, base + 1), base)
        if rng.random() < 0.4:
            tile[:: size // 2], tile[:, :: size // 2] = base, base
        tiles.append(tile)
    columns, rows = (math.ceil(side / factor / size) for side in dimensions(rng))
    field = (smooth_noise(rng, columns, rows, rng.uniform(0.3, 0.7)) * len(tiles) * 0.999).astype(int)
    screen = np.block([[tiles[kind] for kind in row] for row in field])
    figures = [sprite(rng, size, count) for _ in range(5)]
    for _ in range(rng.randint(3, 40)):
        y, x, figure = rng.randrange(rows) * size, rng.randrange(columns) * size, rng.choice(figures)
        window = screen[y : y + size, x : x + size]
        window[figure > 0] = figure[figure > 0]
    image = magnify(rng, screen, colours, factor)
    if rng.random() < 0.5:
        draw, face = ImageDraw.Draw(image), ImageFont.truetype(BITMAP_FONT.format("bold"), 16)
        draw.fontmode = "1"
        draw.rectangle([0, 0, image.width, 22], fill=colours[0])
        draw.text((6, 3), f"{Words(rng).title(2).upper()}  {rng.randint(0, 99999):06d}", fill=colours[-1], font=face)
    return image


# ---- gradients, patterns, fractals ----

def coordinates(width, height):
    """Pixel coordinates from -1 to 1 along the longer side: x (1, W), y (H, 1)."""
    longer = max(width, height)
    return (2 * np.arange(width)[None] - width) / longer, (2 * np.arange(height)[:, None] - height) / longer


BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16


def gradient(rng, photographs):
    """Linear, radial or conic ramps, rounded, dithered or noisy, at full depth or few levels."""
    width, height = dimensions(rng)
    x, y = coordinates(width, height)
    angle, cx, cy = rng.uniform(0, 7), rng.uniform(-1, 1), rng.uniform(-1, 1)
    values = rng.choice([lambda: x * math.cos(angle) + y * math.sin(angle), lambda: np.hypot(x - cx, y - cy),
                         lambda: np.arctan2(y - cy, x - cx), lambda: np.maximum(abs(x - cx), abs(y - cy)),
                         lambda: x + 0 * y, lambda: y + 0 * x])()
    values = (values - values.min()) / np.ptp(values)
    picture = ramp(rng, values, rng.choice([2, 2, 3, 5, 9]))
    step = rng.choice([1, 1, 1, 1, 8, 32, 85, 255])
    dither = rng.choice(["none", "none", "ordered", "noise", "blurred noise"])
    offset = np.full((height, width), 0.5)
    if dither == "ordered":
        offset = np.tile(BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width]
    elif dither == "noise":
        offset = noise_source(rng).random((height, width))
    elif dither == "blurred noise":
        offset = 4 * smooth_noise(rng, width, height, 0.95)
    picture = np.floor(picture / step + offset[..., None]) * step
    return as_image(picture)


def plasma(rng, photographs):
    """Smooth noise through a ramp: clouds, marble, contour bands."""
    width, height = dimensions(rng)
    values = smooth_noise(rng, width, height, rng.uniform(0.3, 0.75))
    if rng.random() < 0.4:
        values = 0.5 + 0.5 * np.sin(values * rng.uniform(10, 60))
    if rng.random() < 0.3:
        values = np.floor(values * 12) / 12
    return as_image(ramp(rng, values))


def pattern(rng, photographs):
    """Checkerboards, stripes, dots, bricks, moiré, weaves and other repetition, by integer arithmetic."""
    width, height = dimensions(rng)
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    a, b = rng.randint(2, 48), rng.randint(2, 48)
    motif = np.tile(noise_source(rng).integers(0, 6, (a, b)), (height // a + 1, width // b + 1))
    indices = rng.choice([
        lambda: (x // a + y // b) % 2, lambda: (x // a + 0 * y) % 4, lambda: (x + y * rng.choice([1, -1, 2])) // a % 3,
        lambda: ((x % a - a / 2) ** 2 + (y % a - a / 2) ** 2 < (a * 0.35) ** 2).astype(int),
        lambda: ((y % b == 0) | ((x + (y // b % 2) * a // 2) % a == 0)).astype(int),
        lambda: (x ^ y) % rng.randint(5, 64),
        lambda: (x * x + y * y) // (a * b) % 6, lambda: (x & y) % a, lambda: (x % a * (y % b)) // 3 % 8,
        lambda: motif[:height, :width]])()
    return magnify(rng, np.broadcast_to(indices, (height, width)), palette(rng, 64), 1)


def fractal(rng, photographs):
    """Mandelbrot and Julia sets: escape counts, whole or smooth, through a cyclic palette."""
    width, height = dimensions(rng)
    x, y = coordinates(width, height)
    zoom, around = rng.choice([1.5, 0.3, 0.02]), rng.choice([-0.745 + 0.1j, -1.25 + 0.02j, 0.28 + 0.01j, -0.16 + 1.03j])
    plane = (around * (zoom < 1) - 0.4 * (zoom >= 1) + zoom * (x + 1j * y)).astype(np.complex64)
    julia = rng.random() < 0.4
    z = 1.5 * (x + 1j * y).astype(np.complex64) if julia else np.zeros_like(plane)
    seed = rng.choice([-0.8 + 0.156j, 0.285 + 0.01j, -0.4 + 0.6j, -0.7269 + 0.1889j])
    c = np.full_like(plane, seed) if julia else plane
    count, z, c = np.zeros(plane.size, dtype=np.float32), z.ravel(), c.ravel()
    alive, smooth = np.arange(plane.size), rng.random() < 0.5
    for step in range(120):
        z = z * z + c
        size = np.abs(z)
        gone = size > 8
        count[alive[gone]] = step + (1 - np.log2(np.log2(size[gone])) if smooth else 0)
        alive, z, c = alive[~gone], z[~gone], c[~gone]
    band = 1 / rng.choice([8, 20, 60])
    picture = ramp(rng, np.abs((count * band) % 2 - 1), rng.randint(3, 7))
    picture[alive] = colour(rng, 0, 0.1)
    return as_image(picture.reshape(height, width, 3))


def render(rng, photographs):
    """Ray-traced spheres over a chequered floor: Lambert and specular light, shadows, one mirror bounce, no noise."""
    width, height = dimensions(rng, 384, 800)
    x, y = (axis.astype(np.float32) for axis in coordinates(width, height))
    direction = np.stack(np.broadcast_arrays(x, -y - 0.15, np.float32(1.3)), axis=-1).reshape(-1, 3)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    light = np.array([rng.uniform(-1, 1), rng.uniform(0.5, 1.5), rng.uniform(-1, 0.2)], dtype=np.float32)
    light /= np.linalg.norm(light)
    spheres = [(np.array([rng.uniform(-2.5, 2.5), rng.uniform(-0.6, 1.2), rng.uniform(2.5, 7)], dtype=np.float32),
                rng.uniform(0.3, 1), np.array(colour(rng, 0.2, 0.8)) / 255) for _ in range(rng.randint(2, 9))]
    floor, sky = [np.array([colour(rng, 0.1, 0.9) for _ in range(2)]) / 255 for _ in range(2)]
    gloss, mirror, check = rng.choice([10, 40, 150]), rng.choice([0, 0.2, 0.5]), rng.choice([0.5, 1, 2])

    def hit(origin, ray):
        """Nearest object per ray: distance and index (-1 sky, 0 floor, 1.. spheres)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            nearest = np.where(ray[:, 1] < -1e-6, (-1 - origin[:, 1]) / ray[:, 1], np.inf)
        nearest = np.where(nearest > 1e-3, nearest, np.inf)
        which = np.where(np.isfinite(nearest), 0, -1)
        for i, (centre, radius, _) in enumerate(spheres, 1):
            offset = origin - centre
            b = np.sum(offset * ray, axis=1)
            root = b * b - np.sum(offset * offset, axis=1) + radius * radius
            distance = -b - np.sqrt(np.maximum(root, 0))
            closer = (root > 0) & (distance > 1e-3) & (distance < nearest)
            nearest, which = np.where(closer, distance, nearest), np.where(closer, i, which)
        return nearest, which

    def trace(origin, ray, bounces):
        distance, which = hit(origin, ray)
        result = sky[0] + (sky[1] - sky[0]) * np.clip(ray[:, 1:2], 0, 1) ** 0.5
        for i in range(len(spheres) + 1):
            at = np.flatnonzero(which == i)
            if not len(at):
                continue
            point, view = origin[at] + ray[at] * distance[at, None], ray[at]
            if i == 0:
                normal = np.broadcast_to(np.array([0, 1, 0], dtype=np.float32), point.shape)
                base = floor[((np.floor(point[:, 0] / check) + np.floor(point[:, 2] / check)) % 2).astype(int)]
            else:
                normal, base = (point - spheres[i - 1][0]) / spheres[i - 1][1], spheres[i - 1][2]
            start = point + normal * np.float32(1e-3)
            lit = (hit(start, np.broadcast_to(light, start.shape))[1] < 0)[:, None]
            mirrored = view - 2 * np.sum(view * normal, axis=1, keepdims=True) * normal
            shine = np.clip(mirrored @ light, 0, 1)[:, None] ** gloss * (i > 0)
            paint = base * (0.2 + 0.8 * lit * np.clip(normal @ light, 0, 1)[:, None]) + 0.7 * lit * shine
            if bounces and mirror:
                paint = paint * (1 - mirror) + mirror * trace(start, mirrored, bounces - 1)
            fog = np.exp(-0.04 * distance[at, None]) if i == 0 else 1
            result[at] = paint * fog + sky[0] * (1 - fog)
        return result

    picture = trace(np.zeros_like(direction), direction, 1)
    return as_image(255 * np.clip(picture, 0, 1).reshape(height, width, 3) ** rng.choice([1, 1 / 2.2]))


# ---- photographs, reduced ----

def quantised(rng, photographs):
    """A photograph in 4 to 256 colours, as GIF and PNG-8 hold them."""
    picture = photographs.crop(rng, *dimensions(rng))
    dither = rng.choice([Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG])
    if rng.random() < 0.2:
        return picture.convert("P", dither=dither, palette=Image.Palette.WEB).convert("RGB")
    count = round(2 ** rng.uniform(2, 8))
    # Pillow dithers only towards a palette image that is given.
    reduced = picture.quantize(count, rng.choice([Image.Quantize.MEDIANCUT, Image.Quantize.FASTOCTREE]))
    return picture.quantize(palette=reduced, dither=dither).convert("RGB")


def posterised(rng, photographs):
    """A photograph with few levels per channel, at times smoothed into regions before."""
    picture = photographs.crop(rng, *dimensions(rng))
    if rng.random() < 0.5:
        picture = picture.filter(ImageFilter.ModeFilter(rng.choice([5, 9])))
    levels = rng.choice([2, 3, 4, 6, 8, 16])
    return as_image(np.floor(np.asarray(picture) / 256 * levels) * 255 / (levels - 1))


def halftone(rng, photographs):
    """Printers' dots: a photograph against rotated cosine screens, black only or one screen per ink."""
    picture = photographs.crop(rng, *dimensions(rng))
    x, y = np.arange(picture.width)[None], np.arange(picture.height)[:, None]
    pitch, inks, soft = rng.uniform(3, 12), np.asarray(picture, dtype=float) / 255, rng.choice([0.02, 0.3])
    if rng.random() < 0.5:
        inks = inks.mean(axis=2, keepdims=True)
    screens = []
    for channel in range(inks.shape[2]):
        angle, k = math.radians(15 + 30 * channel), 2 * math.pi / pitch
        u, v = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
        screen = 0.5 + 0.25 * (np.cos(k * u) + np.cos(k * v))
        screens.append(np.clip((inks[..., channel] - screen) / soft + 0.5, 0, 1))
    return as_image(255 * (np.stack(screens, axis=-1) if len(screens) == 3 else screens[0]))


def one_bit(rng, photographs):
    """A photograph in black and white (or two colours): threshold, error diffusion or an ordered matrix."""
    picture = photographs.crop(rng, *dimensions(rng)).convert("L")
    grey = np.asarray(picture)
    tiled = np.tile(BAYER, (picture.height // 4 + 1, picture.width // 4 + 1))[: picture.height, : picture.width]
    bits = rng.choice([lambda: grey > grey.mean(), lambda: np.asarray(picture.convert("1")),
                       lambda: np.asarray(picture.convert("1")), lambda: grey / 256 > tiled])()
    two = [(0, 0, 0), (255, 255, 255)] if rng.random() < 0.7 else palette(rng, 2)
    return magnify(rng, bits.astype(int), two, rng.choice([1, 1, 2]))


# ---- the set ----

# Category and its share of the default 260 images.
SHARES = {article: 13, scripts: 10, table: 10, form: 11, code: 13, chat: 9, dashboard: 11, gallery: 10, desktop: 12,
          terminal: 12, document: 8, chart: 26, city_map: 10, diagram: 10, schematic: 7, cartoon: 9, sprites: 7,
          tile_map: 10, gradient: 10, plasma: 4, pattern: 7, fractal: 7, render: 9, quantised: 12, posterised: 5,
          halftone: 4, one_bit: 4}


def main():
    parser = argparse.ArgumentParser(description="Renders a training set of computer graphics.")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--photographs", help="folder of photographs to take crops from")
    parser.add_argument("--count", type=int, default=260, help="images in all, about")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not shutil.which("chromium"):
        sys.exit("graphics.py: chromium is missing; on Debian: apt-get install chromium")
    options.output.mkdir(parents=True, exist_ok=True)
    photographs, total = Photographs(options.photographs), sum(SHARES.values())
    # The cheap categories come first: what they need is then known to work before the pages take their minutes.
    for category, share in reversed(SHARES.items()):
        count, pixels = max(1, round(share * options.count / total)), 0
        for number in range(count):
            rng = random.Random(f"{options.seed} {category.__name__} {number}")
            image = category(rng, photographs)
            if rng.random() < 0.06:
                image = image.convert("L").convert("RGB")
            image.save(options.output / f"{category.__name__}-{number:03}.png")
            pixels += image.width * image.height
        print(f"{category.__name__:10} {count:3} images {pixels / 1e6:6.1f} MP", flush=True)


if __name__ == "__main__":
    main()
