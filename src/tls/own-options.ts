/**
 * A copy of a program's options of TLS: each is read once, also those that the object has inherited. A spread would leave
 * them out in silence, and with them the check of a client's certificate.
 */
export function ownOptions<Options extends object>(given: Options): Options {
  const entries: [string, unknown][] = [];
  for (const name in given) entries.push([name, given[name]]);
  return Object.fromEntries(entries) as Options;
}
