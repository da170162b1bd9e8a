/** Pictures as SVG: readable in a page, in light and in dark, by a screen reader, and as text in a diff. */

/** What GitHub gives a picture of a README. */
export const WIDTH = 880;

interface Colours {
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly good: string;
  readonly fair: string;
  readonly poor: string;
  readonly idle: string;
}

const LIGHT: Colours = {
  text: "#1f2328",
  faint: "#59636e",
  line: "#d8dee4",
  good: "#2da37a",
  fair: "#5b93e0",
  poor: "#d9763a",
  idle: "#c4ccd5",
};
const DARK: Colours = {
  text: "#e6edf3",
  faint: "#9198a1",
  line: "#3d444d",
  good: "#3a9e7c",
  fair: "#4d7fc4",
  poor: "#c9713b",
  idle: "#4b5560",
};

function colours({ text, faint, line, good, fair, poor, idle }: Colours): string {
  const fills = { text, ".faint": faint, ".good": good, ".fair": fair, ".poor": poor, ".idle": idle };
  const strokes = { ".line": line, ".way": faint, ".end": good, ".cut": poor, ".mark": text };
  return [
    ...Object.entries(fills).map(([what, colour]) => `${what} { fill: ${colour}; }`),
    ...Object.entries(strokes).map(([what, colour]) => `${what} { stroke: ${colour}; }`),
  ].join(" ");
}

/** Every renderer knows classes; few know variables. */
const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
    .faint { font-size: 11.5px; } .strong { font-weight: 600; } .code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12px; }
    .way, .end, .cut { stroke-width: 1.5; fill: none; } .mark { stroke-width: 1.5; stroke-dasharray: 4 3; }
    ${colours(LIGHT)}
    @media (prefers-color-scheme: dark) { ${colours(DARK)} }`;

export type Colour = "good" | "fair" | "poor" | "idle";

/** A whole picture. `description` is what a screen reader says in its place. */
export function picture(
  height: number,
  title: string,
  description: string,
  parts: readonly string[],
): string {
  const size = `viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" height="${String(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-labelledby="title desc">`,
    `  <title id="title">${escaped(title)}</title>`,
    `  <desc id="desc">${escaped(description)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    ...parts.map((part) => `  ${part}`),
    "</svg>\n",
  ].join("\n");
}

export function text(
  x: number,
  y: number,
  words: string,
  kind = "",
  anchor: "start" | "middle" | "end" = "start",
): string {
  const where = `x="${at(x)}" y="${at(y)}"`;
  return `<text ${where}${kind && ` class="${kind}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}>${escaped(words)}</text>`;
}

export function bar(x: number, y: number, width: number, height: number, colour: Colour): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(width, 2))}" height="${at(height)}" rx="2" class="${colour}"/>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" class="${kind}"/>`;
}

/** A line with a head at its end. */
export function arrow(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [((x2 - x1) / length) * 7, ((y2 - y1) / length) * 7];
  const side = (turn: number) => `${at(x2 - dx - turn * dy * 0.5)} ${at(y2 - dy + turn * dx * 0.5)}`;
  return `<path d="M${at(x1)} ${at(y1)}L${at(x2)} ${at(y2)}M${side(1)}L${at(x2)} ${at(y2)}L${side(-1)}" class="${kind}"/>`;
}

export function area(points: readonly (readonly [x: number, y: number])[], colour: Colour): string {
  return `<path d="M${points.map(([x, y]) => `${at(x)} ${at(y)}`).join("L")}Z" class="${colour}"/>`;
}

/** A scale of milliseconds, with a line and a number at each step. */
export function timeAxis(
  x: (ms: number) => number,
  step: number,
  last: number,
  top: number,
  bottom: number,
): string[] {
  const marks: string[] = [];
  for (let ms = 0; ms <= last; ms += step) {
    marks.push(
      line(x(ms), top, x(ms), bottom, "line"),
      text(x(ms), top - 6, ms === 0 ? "0 ms" : String(ms), "faint", "middle"),
    );
  }
  return marks;
}

function at(place: number): string {
  return String(Math.round(place * 10) / 10);
}

function escaped(words: string): string {
  return words.replace(/[&<>]/g, (sign) => `&#${String(sign.charCodeAt(0))};`);
}
