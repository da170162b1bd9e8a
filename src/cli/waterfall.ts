import { fold, shownTime, type Color, type Terminal } from "./terminal.js";

/** Something that took time; times are in ms since the beginning of all. */
export interface Bar {
  readonly label: string;
  readonly begun: number;
  readonly ended: number;
  readonly end: "done" | "failed" | "given up";
  /** How it went: in words, and in as few as possible. */
  readonly words: readonly [long: string, short: string];
}

type Screen = Pick<Terminal, "columns" | "hasBoxes" | "paint">;

/** A bar that is shorter says too little. */
const FEWEST_CELLS = 12;
/** If long words leave fewer cells, short ones are shown. */
const WANTED_CELLS = 40;
const GAP = "  ";

const COLORS: Readonly<Record<Bar["end"], Color>> = { done: "green", failed: "red", "given up": "yellow" };

const BOXES = { line: "━", done: "┫", failed: "╳", "given up": "╌" } as const;
const ASCII = { line: "=", done: "|", failed: "x", "given up": "-" } as const;

/** Draws bars below each other, to one scale of time; no line is wider than the screen. */
export function waterfall(bars: readonly Bar[], screen: Screen): string[] {
  const last = Math.max(...bars.map(({ ended }) => ended));
  const labels = widthOf(bars.map(({ label }) => label));
  const times = widthOf(bars.map(({ begun, ended }) => shownTime(ended - begun)));
  const roomFor = (kind: 0 | 1): number =>
    screen.columns - labels - times - widthOf(bars.map(({ words }) => words[kind])) - 3 * GAP.length;
  const kind = roomFor(0) >= WANTED_CELLS ? 0 : 1;
  const cells = roomFor(kind);
  if (cells < FEWEST_CELLS) return narrow(bars, last, screen);
  const { paint } = screen;
  const rows = bars.map((bar) => {
    const time = paint("dim", shownTime(bar.ended - bar.begun).padStart(times));
    const words = paint(COLORS[bar.end], bar.words[kind]);
    return [bar.label.padEnd(labels), drawn(bar, last, cells, screen), time, words].join(GAP);
  });
  return [`${" ".repeat(labels)}${GAP}${paint("dim", scale(last, cells))}`, ...rows];
}

/** With two lines for each bar: the words are above it. */
function narrow(bars: readonly Bar[], last: number, screen: Screen): string[] {
  const { columns, paint } = screen;
  const rows = bars.flatMap((bar) => {
    const time = shownTime(bar.ended - bar.begun);
    const kind = [bar.label, time, bar.words[0]].join(GAP).length <= columns ? 0 : 1;
    const words = bar.words[kind];
    const isShort = [bar.label, time, words].join(GAP).length <= columns;
    const painted = (text: string): string => paint(COLORS[bar.end], text);
    const above = isShort
      ? [[bar.label, paint("dim", time), painted(words)].join(GAP)]
      : [
          ...fold(bar.label, columns),
          ...fold(`${time}, ${words}`, columns - GAP.length).map((text) => GAP + painted(text)),
        ];
    return [...above, drawn(bar, last, columns, screen).trimEnd()];
  });
  return [paint("dim", scale(last, columns)), ...rows];
}

function drawn({ begun, ended, end }: Bar, last: number, cells: number, { hasBoxes, paint }: Screen): string {
  const signs = hasBoxes ? BOXES : ASCII;
  const cellOf = (time: number): number => (last === 0 ? 0 : Math.floor((time / last) * (cells - 1)));
  const [from, to] = [cellOf(begun), cellOf(ended)];
  const bar = signs.line.repeat(to - from) + signs[end];
  return " ".repeat(from) + paint(COLORS[end], bar) + " ".repeat(cells - to - 1);
}

/** Where the time begins and ends. */
function scale(last: number, cells: number): string {
  return `0${shownTime(last).padStart(cells - 1)}`;
}

function widthOf(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}
