"""Test images of computer graphics.

    python render.py OUTPUT_FOLDER

renders 48 images named NN-what.png: pages, charts, drawings, pixel art, icons, gradients and odd sizes, in every
colour type and depth of PNG that the codec reads. The same machine renders the same files again. README.md lists
what must be installed. Nothing here is shared with the recipe of the training set.
"""

import colorsys
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zlib

import matplotlib
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

matplotlib.use("Agg")
from matplotlib import font_manager, pyplot  # noqa: E402  (the backend comes first)
from matplotlib.colors import LinearSegmentedColormap  # noqa: E402

PHOTOGRAPH = pathlib.Path(__file__).parents[1] / "images" / "kodim23.png"
FONTS = "/usr/share/fonts/"
# From "Alice's Adventures in Wonderland", 1865, and "Moby-Dick", 1851; both in the public domain.
PROSE = """Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do.
Once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it.
There was nothing so very remarkable in that; nor did Alice think it so very much out of the way.
Burning with curiosity, she ran across the field after it, and was just in time to see it pop down a large hole.
In another moment down went Alice after it, never once considering how in the world she was to get out again.
Either the well was very deep, or she fell very slowly, for she had plenty of time as she went down to look about.
She took down a jar from one of the shelves as she passed; it was labelled “ORANGE MARMALADE”.
“I wonder how many miles I’ve fallen by this time?” she said aloud.
Call me Ishmael. Some years ago—never mind how long precisely—having little or no money in my purse.
I thought I would sail about a little and see the watery part of the world.
It is a way I have of driving off the spleen, and regulating the circulation.
There now is your insular city of the Manhattoes, belted round by wharves as Indian isles by coral reefs.
Right and left, the streets take you waterward. Its extreme down-town is the battery.
Circumambulate the city of a dreamy Sabbath afternoon. Go from Corlears Hook to Coenties Slip.
What do you see?—Posted like silent sentinels all around the town, stand thousands upon thousands of mortal men.
But these are all landsmen; of week days pent up in lath and plaster—tied to counters, nailed to benches.""".split("\n")
NAMES = ["Ada Lovelace", "Emmy Noether", "Claude Shannon", "David Huffman", "Jorma Rissanen", "Abraham Lempel",
         "Grace Hopper", "Alan Turing"]
SOURCE = """fn crc32(data: &[u8]) -> u32 {
    let mut register = !0u32;
    for &byte in data {
        register ^= u32::from(byte);
        for _ in 0..8 {
            let carry = register & 1;
            register >>= 1;
            if carry == 1 { register ^= 0xEDB8_8320; }
        }
    }
    !register // the final complement
}
""".split("\n")

IMAGES = []


def image(name):
    """Puts a function into the set; it returns a Pillow image, or the bytes of a PNG file."""
    def register(function):
        IMAGES.append((name, function))
        return function
    return register


# ---- pages, by Chromium ----

def browse(width, height, style, body, *flags):
    """An RGB screenshot."""
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.html"
        page.write_text("<!DOCTYPE html><meta charset=utf-8><style>*{box-sizing:border-box}body{margin:0;"
                        f"overflow:hidden}}{style}</style>{body}", encoding="utf-8")
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *flags,
                        f"--user-data-dir={folder}/profile", f"--screenshot={folder}/page.png",
                        f"--window-size={width},{height}", str(page)],
                       check=True, capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": folder})
        return Image.open(f"{folder}/page.png").convert("RGB")


def repeat(count, template):
    """The template's text for 0..count-1, joined."""
    return "".join(template(i) for i in range(count))


@image("news-page")
def news_page():
    stories = repeat(9, lambda i: f"<section><h2>{PROSE[i][:44]}</h2><p>{' '.join(PROSE[i : i + 4])}</p></section>")
    return browse(1200, 900, """body{background:#fffdf7;font:16px/1.35 'P052';padding:20px 40px}header{
        text-align:center;border-bottom:4px double #222;font:700 58px 'C059'}main{columns:3;column-gap:32px;
        column-rule:1px solid #bbb}h2{font:700 22px/1.1 'C059';margin:12px 0 4px}p{text-align:justify;margin:4px 0}""",
                  f"<header>The Daily Plane</header><main>{stories}</main>")


@image("shop-page")
def shop_page():
    items = repeat(9, lambda i: f"<li><div style='background-position:{-70 * i}px {-30 * i}px'></div>"
                                f"<b>Parrot no. {i + 1}</b><s>€{30 + i}.99</s> "
                                f"<em>€{20 + i}.49</em><button>Add to basket</button></li>")
    return browse(1180, 860, f"""body{{font:14px 'Carlito';background:#f3f4f6}}nav{{background:#0f4c81;color:#fff;
        font-size:20px;padding:14px 30px}}ul{{display:grid;grid-template-columns:repeat(3,1fr);gap:18px;
        list-style:none;padding:20px}}li{{background:#fff;border-radius:10px;padding:12px;box-shadow:0 2px 8px #0002}}
        li div{{height:150px;
        background-image:url({PHOTOGRAPH.as_uri()})}}em{{color:#c0262d;font-weight:700}}s{{color:#999}}button{{
        float:right;background:#ffb703;border:0;border-radius:14px;padding:6px 14px}}""",
                  f"<nav>☰ &nbsp; Feathers &amp; Co.</nav><ul>{items}</ul>", "--allow-file-access-from-files")


@image("webmail")
def webmail():
    rows = repeat(28, lambda i: f"<tr class={'new' if i % 5 < 2 else 'old'}><td>{'★' if i % 7 == 0 else '☆'}"
                                f"<td>{NAMES[i % 8]}<td><b>{PROSE[i % 16][:26]}</b> — {PROSE[(i + 5) % 16][:70]}"
                                f"<td>{28 - i} Feb</tr>")
    return browse(1280, 800, """body{display:flex;font:13px 'Nimbus Sans'}aside{width:190px;background:#eef3fb;
        padding:14px;line-height:2.1}table{flex:1;border-collapse:collapse}td{border-bottom:1px solid #e5e5e5;
        padding:6px 8px;white-space:nowrap}.new{background:#fff;font-weight:700}.old{background:#f7f9fc;color:#555}""",
                  "<aside><b>Inbox 24</b><br>Sent<br>Drafts<br>Spam<br>Bin<hr>Work<br>Family</aside>"
                  f"<table>{rows}</table>")


@image("spreadsheet")
def spreadsheet():
    rng = random.Random("spreadsheet")
    rows = repeat(40, lambda r: f"<tr><th>{r + 1}</th>" + repeat(
        12, lambda c: f"<td>{rng.randint(-500, 9999) / 100:.2f}</td>"))
    return browse(1100, 760, """body{font:12px 'Caladea'}table{border-collapse:collapse}td,th{border:1px solid #d0d0d0;
        min-width:88px;height:20px;text-align:right;padding:0 4px}th{background:#e8eaed;text-align:center}
        tr:nth-child(9) td:nth-child(5){outline:2px solid #137333}""",
                  "<table><tr><th></th>" + repeat(12, lambda c: f"<th>{chr(65 + c)}</th>") + f"</tr>{rows}</table>")


@image("calendar")
def calendar():
    tints = ["#d50000", "#f4511e", "#0b8043", "#3f51b5", "#8e24aa"]
    days = repeat(35, lambda i: f"<div><b>{(i + 26) % 31 + 1}</b>" + repeat(
        i * 7 % 4, lambda k: f"<p style='background:{tints[(i + k) % 5]}'>{8 + 3 * k}:30 {NAMES[(i + k) % 8]}</p>"
    ) + "</div>")
    return browse(1024, 768, """body{font:13px 'Quicksand'}main{display:grid;grid-template-columns:repeat(7,1fr);
        height:768px}div{border:1px solid #ddd;padding:4px}p{color:#fff;border-radius:4px;margin:2px 0;padding:1px 5px;
        white-space:nowrap;overflow:hidden}""", f"<main>{days}</main>")


@image("board-dark")
def board_dark():
    columns = repeat(4, lambda c: f"<section><h3>{['Ideas', 'Next', 'Doing', 'Done'][c]}</h3>" + repeat(
        5 - c % 3, lambda k: f"<article><i style='background:hsl({70 * k + 40 * c} 70% 55%)'></i>"
                             f"{PROSE[(4 * c + k) % 16]}</article>") + "</section>")
    return browse(1120, 700, """body{background:#1d2125;color:#b6c2cf;font:14px 'Comic Neue';display:flex;
        gap:14px;padding:14px}section{flex:1;background:#101204;border-radius:12px;padding:8px}article{
        background:#22272b;border-radius:8px;margin:8px 0;padding:9px;box-shadow:0 1px 1px #091e4240}
        i{display:block;width:40px;height:8px;border-radius:4px;margin-bottom:6px}""", columns)


@image("phone-settings")
def phone_settings():
    rows = repeat(13, lambda i: f"<div><span>{'✈☎☀⚙♪⚡✉⌚☂⌛⚖✂☕'[i]}</span>{NAMES[i % 8]}"
                                f"<i class={'on' if i % 3 else 'off'}></i></div>")
    return browse(390, 844, """body{background:#f2f2f7;font:17px 'Nimbus Sans';padding:50px 16px}div{
        background:#fff;padding:13px;border-bottom:1px solid #d1d1d6}span{display:inline-block;width:36px}i{float:right;
        width:46px;height:26px;border-radius:13px}
        .on{background:radial-gradient(circle at 33px 13px,#fff 10px,#34c759 11px)}
        .off{background:radial-gradient(circle at 13px 13px,#fff 10px,#e9e9ea 11px)}""", f"<h1>Settings</h1>{rows}")


@image("code-difference")
def code_difference():
    def row(i):
        kind, line = i // 3 % 7 % 3, SOURCE[i % 13].replace("crc32", f"crc32_{i // 13}")
        line = line.replace("&", "&amp;").replace("<", "&lt;")
        return f"<div class=m{kind}><u>{i + 21}</u> {' +-'[kind]} {line}</div>"

    return browse(1000, 760, """body{font:13px/19px 'JetBrains Mono';white-space:pre}.m1{background:#e6ffec}
        .m2{background:#ffebe9}u{color:#8c959f;text-decoration:none}""", repeat(40, row))


@image("japanese-page")
def japanese_page():
    text = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。"
    return browse(900, 700, """body{font:18px/1.8 'IPAPGothic';padding:24px;writing-mode:vertical-rl;background:#faf6ec;
        color:#332}h1{color:#a22}""", f"<h1>吾輩は猫である</h1>夏目漱石{repeat(7, lambda i: f'<p>{text[7 * i :] + text}')}")


@image("long-text-page")
def long_text_page():
    text = repeat(60, lambda i: f"<p><b>{i + 1}.</b> "
                                + " ".join(PROSE[(3 * i + 5 * k) % 16] for k in range(3 + i % 4)))
    return browse(1200, 3600, "body{font:17px/1.5 'P052';padding:40px 120px;color:#1a1a1a}p{margin:14px 0}",
                  f"<h1>A long page</h1>{text}")


@image("sign-in")
def sign_in():
    return browse(800, 600, """body{height:600px;background:conic-gradient(from 40deg at 30% 40%,#12c2e9,#c471ed,
        #f64f59,#12c2e9);font:16px 'Quicksand'}form{position:absolute;left:240px;top:120px;
        width:320px;padding:32px;border-radius:24px;background:#ffffffd0;box-shadow:0 24px 60px #0006}
        p{border-bottom:2px solid #888;padding:8px 0}b{display:block;
        background:linear-gradient(90deg,#f64f59,#c471ed);color:#fff;padding:12px;border-radius:30px;
        text-align:center}""", "<form><h1>Welcome back</h1><p>ada@example.org<p>••••••••••<br><br><b>Sign in</b><br>"
                  "<a href=x>Forgotten?</a></form>")


@image("music-player")
def music_player():
    bars = repeat(90, lambda i: f"<i style='height:{8 + 70 * abs(np.sin(i * 0.37) * np.sin(i * 0.11)):.0f}px'></i>")
    return browse(900, 560, f"""body{{background:#000;color:#fff;font:18px 'Carlito'}}#b{{position:absolute;
        inset:-40px;filter:blur(28px) brightness(.6);background:url({PHOTOGRAPH.as_uri()}) center/cover}}main{{
        position:absolute;left:60px;top:60px}}img{{width:240px;height:240px;object-fit:cover;border-radius:12px}}
        section{{display:flex;align-items:end;height:90px}}i{{width:5px;margin:2px;background:#fffb}}""",
                  f"<div id=b></div><main><img src={PHOTOGRAPH.as_uri()}><h1>Two macaws</h1>Kodak — 1991"
                  f"<section>{bars}</section>1:07 ◀◀ ▶ ▶▶ 3:42</main>", "--allow-file-access-from-files")


@image("grey-reader")
def grey_reader():
    text = repeat(9, lambda i: f"<p>{' '.join(PROSE[i : i + 5])}")
    page = browse(758, 1024, "body{font:21px/1.45 'C059';padding:50px;text-align:justify;hyphens:auto}",
                  f"<div lang=en>{text}</div>")
    return page.convert("L")


# ---- charts ----

def svg_page(width, height, drawing, back="#fff"):
    return browse(width, height, f"body{{background:{back}}}svg{{display:block}}text{{font:13px 'Carlito'}}",
                  f"<svg width={width} height={height}>{drawing}</svg>")


@image("line-chart")
def line_chart():
    rng, drawing = random.Random("lines"), ""
    for y in range(60, 520, 50):
        drawing += f"<path d='M60 {y}H860' stroke='#ddd'/><text x=20 y={y + 4}>{(510 - y) / 5:.0f} %</text>"
    for series, tint in enumerate(["#00798c", "#d1495b", "#edae49", "#66a182"]):
        level, points = 250, []
        for x in range(60, 860, 8):
            level = min(500, max(70, level + rng.gauss(0, 14)))
            points.append(f"{x},{level:.1f}")
        drawing += f"<polyline points='{' '.join(points)}' fill=none stroke='{tint}' stroke-width=2.5 />"
        drawing += f"<text x={100 + 180 * series} y=560 fill='{tint}'>■ {NAMES[series]}</text>"
    return svg_page(900, 580, drawing)


@image("bar-chart-dark")
def bar_chart_dark():
    rng = random.Random("bars")

    def bar(hour, series):
        height = rng.randint(20, 360)
        return (f"<rect x={40 + 34 * hour + 9 * series} y={400 - height} width=8 height={height} rx=3 "
                f"fill='hsl({200 + 50 * series} 80% 60%)'/>")

    bars = repeat(24, lambda hour: repeat(3, lambda series: bar(hour, series)))
    labels = repeat(24, lambda i: f"<text x={44 + 34 * i} y=420 fill='#9aa'>{i:02}h</text>")
    return svg_page(880, 440, bars + labels, "#0d1117")


@image("candle-chart")
def candle_chart():
    rng, picture, price = random.Random("candles"), Image.new("RGB", (960, 480), (19, 23, 34)), 240.0
    draw = ImageDraw.Draw(picture)
    for x in range(0, 960, 60):
        draw.line([(x, 0), (x, 479)], fill=(42, 46, 57))
        draw.line([(0, x // 2), (959, x // 2)], fill=(42, 46, 57))
    for x in range(4, 960, 8):
        close = min(440, max(40, price + rng.gauss(0, 16)))
        paint, top, bottom = ((38, 166, 154) if close < price else (239, 83, 80)), min(price, close), max(price, close)
        draw.line([(x, top - rng.random() * 14), (x, bottom + rng.random() * 14)], fill=paint)
        draw.rectangle([x - 2, top, x + 2, bottom], fill=paint)
        price = close
    return picture


def figure_image(figure):
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    pyplot.close(figure)
    return picture


# By file, since matplotlib's own list of fonts is as old as its cache.
for font_file in ["truetype/crosextra/Carlito-Regular.ttf", "opentype/urw-base35/P052-Roman.otf"]:
    font_manager.fontManager.addfont(FONTS + font_file)

DUSK = LinearSegmentedColormap.from_list("dusk", ["#0b132b", "#3a506b", "#d17b88", "#f9dc5c", "#ffffff"])


@image("vector-field")
def vector_field():
    with pyplot.rc_context({"font.family": "Carlito", "font.size": 11}):
        figure, axes = pyplot.subplots(figsize=(7.2, 5.4), dpi=110)
        y, x = np.mgrid[-3:3:22j, -3:3:22j]
        axes.quiver(x, y, np.sin(y), np.cos(x * y / 2), np.hypot(x, y), cmap=DUSK)
        axes.set(title="A field of arrows", xlabel="east (km)", ylabel="north (km)")
        return figure_image(figure)


@image("hexagon-histogram")
def hexagon_histogram():
    rng = np.random.default_rng(7)
    with pyplot.rc_context({"font.family": "P052", "axes.facecolor": "#0b132b"}):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4.2), dpi=100)
        x = rng.normal(0, 1, 20000)
        hexagons = left.hexbin(x, x**2 / 2 + rng.normal(0, 1, 20000), gridsize=40, cmap=DUSK)
        figure.colorbar(hexagons)
        right.stem(np.arange(40), np.sinc(np.arange(40) / 5 - 4))
        return figure_image(figure)


@image("spectrogram")
def spectrogram():
    rng, (f, t) = np.random.default_rng(3), np.mgrid[0:400, 0:900]
    power = sum(np.exp(-((f - k * (60 + 25 * np.sin(t / 90))) ** 2) / 60) / k for k in range(1, 6))
    power += 0.12 * rng.standard_exponential(power.shape)
    return Image.fromarray((DUSK(np.clip(power, 0, 1))[::-1, :, :3] * 255).round().astype(np.uint8))


# ---- line art and drawings ----

@image("floor-plan")
def floor_plan():
    walls = "<path d='M40 40H760V560H40ZM300 40V220M300 290V560M300 360H520M590 360H760M520 40V160M520 220V360'/>"
    doors = repeat(4, lambda i: f"<path d='M{300 + 60 * i} {220 + 35 * i}a70 70 0 0 1 70 70' stroke-width=1 />")
    steps = repeat(12, lambda i: f"<path d='M{60 + 14 * i} 450V540' stroke-width=1 />")
    words = repeat(4, lambda i: f"<text x={[100, 380, 600, 400][i]} y={[150, 150, 200, 470][i]} stroke=none fill=#000>"
                                f"{['Kitchen', 'Study', 'Bath', 'Hall'][i]} {11 + 3 * i}.4 m²</text>")
    return svg_page(800, 600, f"<g fill=none stroke=#000 stroke-width=6>{walls}{doors}{steps}{words}</g>")


@image("sheet-music")
def sheet_music():
    rng, drawing = random.Random("music"), ""
    for system in range(7):
        top = 50 + 110 * system
        drawing += repeat(5, lambda i: f"<path d='M30 {top + 10 * i}H770' stroke=#000 />")
        for x in range(70, 760, 32):
            y = top + 5 * rng.randint(-1, 9)
            drawing += f"<ellipse cx={x} cy={y} rx=6.5 ry=4.6 transform='rotate(-20 {x} {y})'/>"
            drawing += f"<path d='M{x + 6} {y}V{y - 33}' stroke=#000 stroke-width=1.4 />"
        drawing += repeat(5, lambda i: f"<path d='M{30 + 185 * i} {top}V{top + 40}' stroke=#000 />")
    return svg_page(800, 850, drawing).convert("L")


@image("transit-map")
def transit_map():
    rng = random.Random("transit")
    drawing = "<path d='M0 420Q300 300 500 460T1000 380V520Q700 560 500 600T0 520Z' fill=#cfe8f5 />"
    for tint in ["#e32017", "#003688", "#00782a", "#ffd300", "#9b0056", "#f3a9bb"]:
        x, y = rng.randrange(40, 200, 40), rng.randrange(80, 680, 40)
        stops = [(x, y)]
        while x < 900:
            step, turn = rng.randint(2, 5) * 40, rng.choice([-1, 0, 1])
            x, y = x + step, min(690, max(50, y + turn * step))
            stops.append((x, y))
        points = " ".join(f"{a},{b}" for a, b in stops)
        drawing += f"<polyline points='{points}' fill=none stroke='{tint}' stroke-width=9 />"
        for a, b in stops:
            drawing += f"<circle cx={a} cy={b} r=7 fill=#fff stroke=#000 stroke-width=3 />"
            drawing += f"<text x={a + 9} y={b - 9}>{rng.choice(NAMES).split()[1]}</text>"
    return svg_page(1000, 740, drawing)


@image("tangram")
def tangram():
    """Flat triangles without antialiasing."""
    rng, picture = random.Random("tangram"), Image.new("RGB", (640, 640), "#f7e9d7")
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, size = rng.randrange(0, 640, 40), rng.randrange(0, 640, 40), rng.choice([40, 80, 160])
        paint = rng.choice(["#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51"])
        draw.polygon([(x, y), (x + size * rng.choice([-1, 1]), y), (x, y + size)], fill=paint)
    return picture


@image("one-bit-curves")
def one_bit_curves():
    picture = Image.new("1", (700, 700), 1)
    t = np.linspace(0, 2 * np.pi * 23, 20000)
    x, y = 350 + 220 * np.cos(t) + 110 * np.cos(t * 31 / 23), 350 + 220 * np.sin(t) - 110 * np.sin(t * 31 / 23)
    ImageDraw.Draw(picture).line(list(zip(x, y)), fill=0)
    return picture


@image("one-bit-maze")
def one_bit_maze():
    rng, cells = random.Random("maze"), np.zeros((121, 161), dtype=bool)
    path = [(1, 1)]
    cells[1, 1] = True
    while path:
        y, x = path[-1]
        free = [(dy, dx) for dy, dx in [(0, 2), (2, 0), (0, -2), (-2, 0)]
                if 0 < y + dy < 121 and 0 < x + dx < 161 and not cells[y + dy, x + dx]]
        if not free:
            path.pop()
            continue
        dy, dx = rng.choice(free)
        cells[y + dy // 2, x + dx // 2] = cells[y + dy, x + dx] = True
        path.append((y + dy, x + dx))
    return Image.fromarray(cells.repeat(5, 0).repeat(5, 1))


@image("one-bit-fax")
def one_bit_fax():
    page = Image.new("L", (864, 1100), 255)
    face = ImageFont.truetype(FONTS + "truetype/crosextra/Caladea-Regular.ttf", 20)
    for i in range(38):
        ImageDraw.Draw(page).text((50, 40 + 27 * i), PROSE[i * 7 % 16][:84], fill=0, font=face)
    noise = np.random.default_rng(5).normal(0, 30, (1100, 864))
    return Image.fromarray(np.asarray(page.rotate(0.7, Image.BILINEAR, fillcolor=255)) + noise > 128)


@image("one-bit-dither")
def one_bit_dither():
    return Image.open(PHOTOGRAPH).convert("1")


# ---- pixel art ----

def palette_image(indices, colours):
    """(H, W) indices as a mode P image; Pillow writes the smallest depth that holds the palette."""
    picture = Image.fromarray(indices.astype(np.uint8))
    picture.putpalette([sample for colour in colours for sample in colour])
    return picture


def hues(count, saturation=0.6):
    return [tuple(int(255 * v) for v in colorsys.hsv_to_rgb(i / count, saturation, 0.35 + 0.6 * (i % 3) / 2))
            for i in range(count)]


@image("pixel-platformer")
def pixel_platformer():
    """Sky, clouds, bricks and a figure at 320 x 180, each pixel enlarged to 4 x 4."""
    rng, screen = random.Random("platformer"), np.zeros((180, 320, 3), dtype=np.uint8)
    screen[:] = (92, 148, 252)
    brick = np.zeros((16, 16, 3), dtype=np.uint8)
    brick[:] = (200, 76, 12)
    brick[7::8] = brick[:8, 7] = brick[8:, 15] = (0, 0, 0)
    for x in range(0, 320, 16):
        ground = rng.choice([144, 144, 144, 128, 112])
        for y in range(ground, 176, 16):
            screen[y : y + 16, x : x + 16] = brick[: 180 - y]
        if rng.random() < 0.3:
            y, size = rng.randrange(8, 60), rng.randrange(5, 9)
            for k in range(3):
                screen[y + 2 * k : y + 2 * k + 3, max(0, x - size + 4 * k) : x + size + 6 * k] = (252, 252, 252)
    figure = ["..RRRR..", ".RRRRRRR", ".BBSSBS.", "BSBSSSBS", "..SSSSS.", ".RRURR..", "RRRUURRR", "SSUUUUSS",
              ".UU..UU.", "BBB..BBB"]
    paints = {"R": (216, 40, 0), "B": (136, 112, 0), "S": (252, 152, 56), "U": (0, 88, 248)}
    for y, row in enumerate(figure):
        for x, mark in enumerate(row):
            if mark in paints:
                screen[92 + y, 60 + x] = paints[mark]
    return Image.fromarray(screen.repeat(4, 0).repeat(4, 1))


@image("pixel-dungeon")
def pixel_dungeon():
    """A text-mode dungeon of 80 x 30 cells, 16 colours, mode P."""
    rng, face = random.Random("dungeon"), ImageFont.truetype(FONTS + "opentype/unifont/unifont.otf", 16)
    picture = Image.new("P", (640, 480), 0)
    picture.putpalette([sample for colour in [(0, 0, 0), *hues(15)] for sample in colour])
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "1"
    for y in range(30):
        for x in range(80):
            wall = (x // 9 + y // 5) % 3 == 0 and rng.random() < 0.9
            mark = "#" if wall else rng.choices(".·'~@gD$!", [60, 20, 5, 5, 1, 1, 1, 1, 1])[0]
            draw.text((8 * x, 16 * y), mark, fill=7 if wall else 1 + ord(mark) % 15, font=face)
    return picture


@image("pixel-cubes")
def pixel_cubes():
    """Isometric cubes in 4 shades per hue, mode P."""
    rng, picture = random.Random("cubes"), Image.new("P", (576, 512), 0)
    shades = [(18, 18, 30)] + [tuple(v * k // 4 for v in hue) for hue in hues(5, 0.5) for k in (4, 3, 2)]
    picture.putpalette([sample for colour in shades for sample in colour])
    draw = ImageDraw.Draw(picture)
    for row in range(-1, 34):
        for x in range(-32 + row % 2 * 16, 600, 32):
            y, base = row * 16 - 8 * rng.randint(0, 3), 1 + 3 * rng.randrange(5)
            for face, points in enumerate([[(0, 0), (16, 8), (0, 16), (-16, 8)],
                                           [(-16, 8), (0, 16), (0, 34), (-16, 26)],
                                           [(16, 8), (0, 16), (0, 34), (16, 26)]]):
                draw.polygon([(x + a, y + b) for a, b in points], fill=base + face)
    return picture


# ---- icons and logos with alpha ----

def reduced(size, drawing):
    """A drawing on a clear square of side 1, antialiased by drawing it 8 times too large: RGBA."""
    large = Image.new("RGBA", (8 * size, 8 * size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    for shape, points, fill in drawing:
        getattr(draw, shape)([(8 * size * x, 8 * size * y) for x, y in points], fill=fill)
    return large.resize((size, size), Image.BOX)


@image("icon-16")
def icon_16():
    house = [(0.05, 0.5), (0.5, 0.08), (0.95, 0.5), (0.8, 0.5), (0.8, 0.92), (0.2, 0.92), (0.2, 0.5)]
    return reduced(16, [("polygon", house, "#37474f"), ("rectangle", [(0.42, 0.6), (0.58, 0.92)], "#ffca28")])


@image("icon-24")
def icon_24():
    return reduced(24, [("ellipse", [(0.04, 0.04), (0.96, 0.96)], "#1e88e5"),
                        ("rectangle", [(0.44, 0.42), (0.56, 0.78)], "#fff"),
                        ("ellipse", [(0.42, 0.2), (0.58, 0.36)], "#fff")])


@image("icon-32")
def icon_32():
    return reduced(32, [("rectangle", [(0.06, 0.2), (0.94, 0.85)], "#ffb300"),
                        ("rectangle", [(0.06, 0.12), (0.45, 0.3)], "#ff8f00"),
                        ("rectangle", [(0.12, 0.32), (0.88, 0.4)], (255, 255, 255, 120))])


@image("logo-glow")
def logo_glow():
    """A ring and a star whose glow fades out; clear pixels keep the glow's colour."""
    shape = Image.new("L", (512, 512), 0)
    draw = ImageDraw.Draw(shape)
    draw.ellipse([96, 96, 416, 416], outline=255, width=26)
    turns = np.arange(10) * np.pi / 5 - np.pi / 2
    draw.polygon([(256 + r * np.cos(t), 256 + r * np.sin(t)) for t, r in zip(turns, [110, 44] * 5)], fill=255)
    alpha = ImageChops.lighter(shape.filter(ImageFilter.GaussianBlur(24)), shape.filter(ImageFilter.GaussianBlur(1)))
    return Image.merge("RGBA", [*Image.new("RGB", (512, 512), "#00e5ff").split(), alpha])


@image("logo-shadow")
def logo_shadow():
    """Lettering with a gradient over a soft shadow."""
    letters = Image.new("L", (640, 240), 0)
    face = ImageFont.truetype(FONTS + "truetype/quicksand/Quicksand-Bold.ttf", 150)
    ImageDraw.Draw(letters).text((60, 20), "ansel", fill=255, font=face)
    shadow = ImageChops.offset(letters, 6, 8).filter(ImageFilter.GaussianBlur(7)).point(lambda v: v * 6 // 10)
    ramp = np.linspace([255, 94, 98], [255, 195, 113], 640)[None].repeat(240, 0).round().astype(np.uint8)
    top = Image.merge("RGBA", [*Image.fromarray(ramp).split(), letters])
    under = Image.merge("RGBA", [*Image.new("RGB", (640, 240)).split(), shadow])
    return Image.alpha_composite(under, top)


@image("badge-gradient-alpha")
def badge_gradient_alpha():
    """Constant colour bands; alpha a linear gradient within a round badge; nothing (all zero) outside."""
    y, x = np.mgrid[-128:128, -128:128]
    pixels = np.zeros((256, 256, 4), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = np.where((x + y) // 32 % 2, 200, 40), 60, 160
    pixels[..., 3] = y + 128
    pixels[np.hypot(x, y) > 120] = 0
    return Image.fromarray(pixels)


# ---- grey, palettes, depths ----

@image("grey-vignette")
def grey_vignette():
    y, x = np.mgrid[-300:300, -400:400]
    return Image.fromarray((255 * np.exp(-(x**2 + y**2) / 90000)).round().astype(np.uint8))


@image("palette-2")
def palette_2():
    y, x = np.mgrid[0:480, 0:480]
    dots = np.hypot(x % 80 - 40, y % 80 - 40) < 12 + (x + y) / 50
    return palette_image(dots, [(250, 240, 220), (120, 20, 60)])


@image("palette-4")
def palette_4():
    """A handheld console's four greens: hills of ordered dots."""
    y, x = np.mgrid[0:432, 0:480] // 3
    level = 1.5 + np.sin(x / 19) + np.cos(y / 13 + x / 40) + ((x + 2 * y) % 4 - 1.5) / 4
    return palette_image(np.clip(level, 0, 3).astype(int), [(15, 56, 15), (48, 98, 48), (139, 172, 15), (155, 188, 15)])


@image("palette-16")
def palette_16():
    """Cells around random seeds, in 16 colours."""
    rng, (y, x) = np.random.default_rng(16), np.mgrid[0:500, 0:700]
    seeds = rng.random((60, 2)) * [500, 700]
    nearest = np.argmin([np.hypot(y - a, x - b) for a, b in seeds], axis=0)
    return palette_image(nearest % 16, hues(16))


@image("palette-200")
def palette_200():
    return Image.open(PHOTOGRAPH).quantize(200)


@image("grey-16-bit")
def grey_16_bit():
    y, x = np.mgrid[0:400, 0:600]
    return Image.fromarray((32767 * (1 + np.sin(x / 95) * np.cos(y / 80))).round().astype(np.uint16))


@image("rgb-16-bit")
def rgb_16_bit():
    """Pillow has no 16-bit RGB, so the PNG is written by hand."""
    y, x = np.mgrid[0:300, 0:400]
    samples = np.stack([x * 164, y * 218, 65535 - (x * x + y * y) // 4], axis=-1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 400, 300, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


# ---- sizes and repetition ----

@image("one-pixel")
def one_pixel():
    return Image.new("RGB", (1, 1), (18, 52, 86))


@image("strip")
def strip():
    x = np.arange(997)
    return Image.fromarray(np.stack([x % 256, x // 4, 255 - x // 4], axis=-1)[None].astype(np.uint8))


@image("large-flat")
def large_flat():
    """3000 x 2000 of one colour, with a title and a few lines of text."""
    picture = Image.new("RGB", (3000, 2000), "#f4f1de")
    draw, face = ImageDraw.Draw(picture), ImageFont.truetype(FONTS + "truetype/crosextra/Carlito-Regular.ttf", 64)
    draw.rectangle([0, 0, 2999, 220], fill="#3d405b")
    draw.text((120, 70), "A slide with little on it", fill="#ffffff", font=face)
    for i in range(4):
        draw.text((200, 500 + 160 * i), f"•  {PROSE[i][:70]}", fill="#222222", font=face)
    return picture


@image("long-repetition")
def long_repetition():
    """A motif of 397 x 311 pixels, every other row of motifs shifted: equal pixels lie hundreds of pixels apart."""
    motif = np.asarray(Image.open(PHOTOGRAPH).crop((200, 60, 597, 371)))
    rows = [np.roll(np.tile(motif, (1, 4, 1)), 140 * (row % 2), axis=1) for row in range(4)]
    return Image.fromarray(np.concatenate(rows))


@image("sky-gradient")
def sky_gradient():
    stars = repeat(40, lambda k: f"<i style='left:{k * 379 % 960}px;top:{k * 131 % 300}px;width:{1 + k % 3}px;"
                                 f"height:{1 + k % 3}px'></i>")
    return browse(960, 540, """body{height:540px;background:radial-gradient(circle at 70% 110%,#ffecd2 0,#fcb69f 25%,
        #a18cd1 60%,#1e3c72 100%)}i{position:absolute;border-radius:50%;background:#fff}""", stars)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    output = pathlib.Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    for number, (name, function) in enumerate(IMAGES, 1):
        path, result = output / f"{number:02}-{name}.png", function()
        if isinstance(result, bytes):
            path.write_bytes(result)
        else:
            result.save(path)
        print(path.name, flush=True)


if __name__ == "__main__":
    main()
