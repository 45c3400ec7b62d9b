// Reads a page as people do: by sight in light and dark and on a telephone, with a screen reader, with the keyboard.
//
//     node tests/page/read.mjs PLAYWRIGHT-CORE CHROMIUM PAGE [SCREENSHOT]
//
// prints what there is as JSON. PLAYWRIGHT-CORE is the folder of that package (npm), CHROMIUM the program, PAGE a file.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, executablePath, page_path, screenshot] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(folder);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width: 1000, height: 760 }, offline: true });
const page = await context.newPage();
const found = { requests: [], errors: [] };
page.on('request', (request) => found.requests.push(request.url().split(/[:,]/, 1)[0]));
page.on('pageerror', (error) => found.errors.push(String(error)));
page.on('console', (message) => message.type() === 'error' && found.errors.push(message.text()));
await page.goto(pathToFileURL(page_path).href);

found.title = await page.title();
found.lang = await page.locator('html').getAttribute('lang');
// What a screen reader says, from the accessibility tree.
found.spoken = await page.locator('body').ariaSnapshot();
found.tables = await page.locator('table').evaluateAll((tables) => tables.map((table) => ({
    caption: table.caption?.textContent,
    columns: [...table.tHead.rows[0].cells].map((cell) => [cell.tagName, cell.scope, cell.textContent]),
    rows: [...table.tBodies[0].rows].map((row) => [row.cells[0].scope, ...[...row.cells].map((cell) => cell.textContent)]),
})));
found.images = await page.locator('img').evaluateAll((images) => images.map((image) => ({
    alt: image.alt, width: image.naturalWidth, height: image.naturalHeight,
})));

// The lowest contrast of any text with what is behind it.
const contrast = () => page.evaluate(() => {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = channels(colour).map((value) => value / 255)
            .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if ((channels(colour)[3] ?? 1) === 1) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const texts = [...document.querySelectorAll('body *')].filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
    return Math.min(...texts.map((element) => {
        const style = getComputedStyle(element);
        const lights = [luminance(element.closest('svg') ? style.fill : style.color), luminance(behind(element))];
        return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    }));
});
found.contrast = {};
found.paper = {};
for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    found.contrast[colorScheme] = await contrast();
    found.paper[colorScheme] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}
await page.emulateMedia({ colorScheme: 'light' });
if (screenshot) await page.screenshot({ path: screenshot });

// The keyboard: what Tab comes to, and whether one sees it.
found.stops = [];
for (let stop = 0; stop < 60; stop++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
        const at = document.activeElement;
        const name = at.getAttribute('aria-label') ?? at.textContent;
        return at === document.body ? null : [at.tagName, name, getComputedStyle(at).outlineStyle];
    });
    if (!at || found.stops.some(([tag, name]) => tag === at[0] && name === at[1])) break;
    found.stops.push(at);
}
await page.locator('summary').first().focus();
await page.keyboard.press('Enter');
found.opened = await page.locator('details').first().evaluate((details) => details.open);

await page.setViewportSize({ width: 360, height: 640 });
found.overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
console.log(JSON.stringify(found));
await browser.close();
