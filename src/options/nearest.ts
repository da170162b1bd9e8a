/** Longer names are not compared: the time for it grows with the square of the length. */
const MAX_LENGTH = 40;
/** Shorter names are found inside longer ones by chance. */
const MIN_CONTAINED = 4;

/** The one of `names` that the caller of `name` probably meant: another spelling, a part or an extension of it, or a typo. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  const wanted = plain(name);
  const spelled = names.find((each) => plain(each) === wanted);
  if (spelled !== undefined) return spelled;
  const [closest] = names
    .map((each) => ({ each, distance: distanceOf(wanted, plain(each)) }))
    .filter(({ distance }) => distance <= Math.max(1, Math.floor(wanted.length / 3)))
    .sort((one, other) => one.distance - other.distance);
  if (closest !== undefined) return closest.each;
  const [longest] = names
    .filter((each) => isContained(plain(each), wanted) || isContained(wanted, plain(each)))
    .sort((one, other) => other.length - one.length);
  return longest;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

function isContained(part: string, whole: string): boolean {
  return part.length >= MIN_CONTAINED && whole.includes(part);
}

/** How many letters must be inserted, removed, replaced or swapped with their neighbour to turn `a` into `b`. */
function distanceOf(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let j = 1; j <= b.length; j++) (rows[0] as number[])[j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] && i > 1 && j > 1;
      const swapped = isSwap ? at(i - 2, j - 2) + 1 : Infinity;
      (rows[i] as number[])[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped);
    }
  }
  return at(a.length, b.length);
}
