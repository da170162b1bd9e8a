/**
 * Bar charts as SVG, made by hand: readable as an image in a page, in light and in dark, and as text in a diff.
 */

/** A ratio, beside what was asked of it. */
export interface RatioBar {
  readonly label: string;
  readonly note: string;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly must: number;
  readonly aim: number;
  readonly verdict: "aim" | "must" | "missed";
}

/** A cost in two parts, of which `whole` is the sum. */
export interface CostBar {
  readonly label: string;
  readonly user: number;
  readonly whole: number;
  /** Whether it is this library's. */
  readonly ours: boolean;
}

const WIDTH = 920;

/** Where bars begin and end; labels are to their left. */
const LEFT = 400;
const RIGHT = WIDTH - 64;

/** The part of a line's height that its bar takes. */
const BAR = 16;

/** Colours are for a white page and for a dark one. Every renderer knows these classes; few know variables. */
const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
    .faint { font-size: 11.5px; }
    .strong { font-weight: 600; }
    .one { stroke-dasharray: 3 3; }
    .spread { stroke-width: 1.5; stroke-opacity: 0.6; }
    .must { stroke-width: 2.5; }
    ${colours({ text: "#1f2328", faint: "#59636e", line: "#d8dee4", good: "#2da37a", fair: "#5b93e0", poor: "#d9763a", kernel: "#c4ccd5" })}
    @media (prefers-color-scheme: dark) {
    ${colours({ text: "#e6edf3", faint: "#9198a1", line: "#30363d", good: "#3a9e7c", fair: "#4d7fc4", poor: "#c9713b", kernel: "#4b5560" })}
    }`;

interface Colours {
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly good: string;
  readonly fair: string;
  readonly poor: string;
  readonly kernel: string;
}

function colours({ text, faint, line, good, fair, poor, kernel }: Colours): string {
  const fills = {
    "text, .aim": text,
    ".faint": faint,
    ".good": good,
    ".fair": fair,
    ".poor": poor,
    ".kernel": kernel,
  };
  const strokes = { ".spread, .must": text, ".one": faint, ".line": line };
  return [
    ...Object.entries(fills).map(([what, colour]) => `${what} { fill: ${colour}; }`),
    ...Object.entries(strokes).map(([what, colour]) => `${what} { stroke: ${colour}; }`),
  ].join(" ");
}

const COLOUR = { aim: "good", must: "fair", missed: "poor" };

/** Bars of ratios, from 0 to a little over the highest, with marks where they have to be and where they should be. */
export function ratioChart(title: string, bars: readonly RatioBar[]): string {
  const top = 96;
  const step = 46;
  const most = Math.max(1.4, ...bars.flatMap(({ ratio, must }) => [ratio, must])) * 1.05;
  const x = (ratio: number) => LEFT + (RIGHT - LEFT) * (Math.min(ratio, most) / most);
  const height = top + bars.length * step + 16;
  const grid = [0, 0.5, 1, 1.5, 2, 2.5, 3]
    .filter((ratio) => ratio < most)
    .map(
      (ratio) =>
        `${vertical(x(ratio), top - 12, height - 12, ratio === 1 ? "one" : "line")}${text(x(ratio), top - 20, String(ratio), "faint", "middle")}`,
    );
  const lines = bars.map(({ label, note, ratio, low, high, must, aim, verdict }, index) => {
    const middle = top + index * step + step / 2 - 4;
    return [
      text(LEFT - 14, middle - 2, label, "", "end"),
      text(LEFT - 14, middle + 14, note, "faint", "end"),
      bar(LEFT, middle - BAR / 2, x(ratio) - LEFT, COLOUR[verdict]),
      horizontal(x(low), x(high), middle, "spread"),
      vertical(x(must), middle - 13, middle + 13, "must"),
      diamond(x(aim), middle),
      text(WIDTH - 14, middle + 4.5, ratio.toFixed(2), "strong", "end"),
    ].join("");
  });
  const legend = [
    bar(LEFT, 40, 14, "good") + text(LEFT + 20, 52, "reaches the aim"),
    bar(LEFT + 132, 40, 14, "fair") + text(LEFT + 152, 52, "reaches the must"),
    bar(LEFT + 268, 40, 14, "poor") + text(LEFT + 288, 52, "misses it"),
    diamond(LEFT + 366, 48) + text(LEFT + 376, 52, "aim"),
    vertical(LEFT + 416, 38, 58, "must") + text(LEFT + 424, 52, "must"),
  ];
  return svg(height, title, [text(14, 24, title, "strong"), ...legend, ...grid, ...lines]);
}

/** Bars of costs: what the program itself spends, and behind it the kernel's share. */
export function costChart(title: string, unit: string, bars: readonly CostBar[]): string {
  const top = 72;
  const step = 28;
  const most = Math.max(...bars.map(({ whole }) => whole));
  const x = (cost: number) => LEFT + (RIGHT - 30 - LEFT) * (cost / most);
  const height = top + bars.length * step + 12;
  const lines = bars.map(({ label, user, whole, ours }, index) => {
    const middle = top + index * step + step / 2 - 6;
    return [
      text(LEFT - 14, middle + 4.5, label, ours ? "strong" : "", "end"),
      bar(LEFT, middle - BAR / 2, x(whole) - LEFT, "kernel"),
      bar(LEFT, middle - BAR / 2, x(user) - LEFT, ours ? "good" : "fair"),
      text(
        x(whole) + 8,
        middle + 4.5,
        `${user.toFixed(1)} + ${(whole - user).toFixed(1)}`,
        ours ? "strong" : "",
      ),
    ].join("");
  });
  const legend = [
    bar(LEFT, 38, 14, "fair") + bar(LEFT + 16, 38, 14, "good") + text(LEFT + 36, 50, "in user mode"),
    bar(LEFT + 136, 38, 14, "kernel") + text(LEFT + 156, 50, "in the kernel"),
    text(LEFT + 256, 50, unit, "faint"),
  ];
  return svg(height, title, [text(14, 24, title, "strong"), ...legend, ...lines]);
}

function svg(height: number, title: string, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escaped(title)}">`;
  return `${head}\n  <style>${STYLE}\n  </style>\n${parts.map((part) => `  ${part}\n`).join("")}</svg>\n`;
}

function text(x: number, y: number, words: string, kind = "", anchor = "start"): string {
  return `<text x="${at(x)}" y="${at(y)}"${kind && ` class="${kind}"`} text-anchor="${anchor}">${escaped(words)}</text>`;
}

function bar(x: number, y: number, width: number, kind: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(width, 1))}" height="${BAR}" rx="2" class="${kind}"/>`;
}

function vertical(x: number, from: number, to: number, kind: string): string {
  return `<line x1="${at(x)}" y1="${at(from)}" x2="${at(x)}" y2="${at(to)}" class="${kind}"/>`;
}

function horizontal(from: number, to: number, y: number, kind: string): string {
  return `<line x1="${at(from)}" y1="${at(y)}" x2="${at(to)}" y2="${at(y)}" class="${kind}"/>`;
}

function diamond(x: number, y: number): string {
  return `<path d="M${at(x)} ${at(y - 6)}l6 6l-6 6l-6 -6z" class="aim"/>`;
}

function at(place: number): string {
  return String(Math.round(place * 10) / 10);
}

function escaped(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
