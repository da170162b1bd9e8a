import { parseArgs, type ParseArgsConfig } from "node:util";

/** An option of a command, as its help shows it. */
export interface Option {
  /** One letter, for `-4`. */
  readonly short?: string;
  /** What the words after it stand for, `"TIME"` or `"CERT KEY"`; without it the option takes none. */
  readonly takes?: string;
  readonly says: string;
}

export type Options = Readonly<Record<string, Option>>;

/** A command of the program. */
export interface Command {
  readonly name: string;
  /** The arguments, as the first line of its help shows them. */
  readonly usage: readonly string[];
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Paragraphs, for its help. */
  readonly about: readonly string[];
  readonly options: Options;
  /** The fewest and the most positional arguments. */
  readonly positionals: readonly [min: number, max: number];
  /** Resolves to the exit status. */
  run(given: Arguments): Promise<number>;
}

/** The command line is wrong: exit status 2. */
export class UsageError extends Error {
  override get name(): string {
    return "UsageError";
  }
}

const UNITS_MS: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** As `parseArgs` returns them. */
type Token =
  | { readonly kind: "option-terminator" }
  | { readonly kind: "positional"; readonly value: string }
  | {
      readonly kind: "option";
      readonly name: string;
      readonly rawName: string;
      readonly value: string | undefined;
    };

/** What a command was given. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  private constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  /** @throws UsageError for an option that the command does not have, or that lacks its value or has one too many */
  static parse(
    { name: command, options, positionals: [min, max] }: Command,
    args: readonly string[],
  ): Arguments {
    const config = { args, options: configOf(options), strict: false, tokens: true };
    const { tokens } = parseArgs(config) as unknown as { tokens: readonly Token[] };
    const values = new Map<string, string[]>();
    const positionals: string[] = [];
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i] as Token;
      if (token.kind === "positional") positionals.push(token.value);
      if (token.kind !== "option") continue;
      const { name, rawName, value } = token;
      const option = Object.hasOwn(options, name) ? options[name] : undefined;
      if (option === undefined) throw new UsageError(`${command} has no option ${rawName}`);
      const wanted = option.takes?.split(" ") ?? [];
      if (wanted.length === 0 && value !== undefined) throw new UsageError(`${rawName} takes no value`);
      const taken = value === undefined ? [] : [value];
      for (; taken.length > 0 && taken.length < wanted.length; i++) {
        const next = tokens[i + 1];
        if (next?.kind !== "positional") break;
        taken.push(next.value);
      }
      if (taken.length < wanted.length || taken.includes("")) {
        throw new UsageError(`${rawName} needs ${option.takes ?? ""}`);
      }
      values.set(name, taken);
    }
    const given = new Arguments(positionals, values);
    if (given.has("help")) return given;
    if (positionals.length < min) throw new UsageError(`${command} needs more arguments`);
    const extra = positionals[max];
    if (extra !== undefined) throw new UsageError(`${command} has no use for "${extra}"`);
    return given;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** The two values of an option. */
  pair(name: string): readonly [string, string] | undefined {
    return this.#values.get(name) as readonly [string, string] | undefined;
  }

  /** A time in milliseconds. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (text === "none") return Infinity;
    const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text) ?? [];
    const factor = UNITS_MS[unit];
    if (digits !== undefined && factor !== undefined) return Number(digits) * factor;
    throw new UsageError(`--${name} needs a time such as 500, 500ms, 2s, 1m or none, not "${text}"`);
  }

  /** A whole number of at least 1. */
  count(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined || /^[1-9]\d{0,8}$/.test(text))
      return text === undefined ? undefined : Number(text);
    throw new UsageError(`--${name} needs a whole number of at least 1, not "${text}"`);
  }

  /** One of a few words. */
  word<T extends string>(name: string, words: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw new UsageError(`--${name} needs ${words.join(" or ")}, not "${text}"`);
  }
}

function configOf(options: Options): NonNullable<ParseArgsConfig["options"]> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { short, takes }]) => [
      name,
      { type: takes === undefined ? "boolean" : "string", ...(short === undefined ? {} : { short }) },
    ]),
  );
}
