import { WARM_UP, type Case, type Contestant, type Figures, type Load, type Scale } from "./case.js";
import { argsOver } from "./over.js";
import type { Peers } from "./peers.js";
import { pathOf, Program } from "./program.js";

/** Who takes part: all; those without which a row has a gap; or the floors, and what must reach something beside them. */
export type Field = "all" | "compared" | "guarded";

/** How much is measured. */
export interface Plan extends Scale {
  /** How often all processes under test are started anew: what V8 makes of one is not what it makes of the next. */
  readonly sittings: number;
  /** Rounds that count, in each sitting. */
  readonly rounds: number;
  /** Most rounds that come before those and are thrown away, should a case ask for more. */
  readonly warmUp: number;
  readonly field: Field;
  /** Options of Node.js for a process under test. */
  nodeOptions(contestant: Contestant): readonly string[];
}

/** What was measured of one case. */
export interface Measured {
  readonly case: Case;
  /** By contestant: its figures, one of each round. */
  readonly figures: ReadonlyMap<string, readonly Figures[]>;
  /** By contestant: why there are none. */
  readonly leftOut: ReadonlyMap<string, LeftOut>;
}

export interface LeftOut {
  readonly reason: string;
  /** Whether something went wrong; otherwise the machine lacks what it needs. */
  readonly failed: boolean;
}

/** A contestant, while it is being measured. */
interface Entrant {
  readonly contestant: Contestant;
  readonly figures: Figures[];
  leftOut?: LeftOut;
  stage?: Stage | undefined;
}

interface Stage {
  readonly program: Program;
  /** Where it listens, if it does. */
  readonly port: number;
}

/**
 * Measures the contestants of a case in turns, so that whatever else the machine does is shared among them. Each round starts
 * with another one, A B C, B C A, C A B …: what one leaves behind, in caches and in the kernel, is not always the same
 * one's burden. One that fails is left out from then on, and altogether.
 */
export async function measure(
  subject: Case,
  plan: Plan,
  peers: Peers,
  progress: (round: number, of: number) => void,
): Promise<Measured> {
  const entrants = entrantsOf(subject, plan, peers);
  // Where each measurement needs a new process, none is warm, and a sitting is a round.
  const thrownAway = subject.fresh === true ? 0 : Math.min(subject.warmUp ?? WARM_UP, plan.warmUp);
  const turns = subject.fresh === true ? 1 : thrownAway + plan.rounds;
  for (let sitting = 0; sitting < plan.sittings && entrants.some(isIn); sitting++) {
    const load = await subject.load(plan);
    try {
      for (let turn = 0; turn < turns; turn++) {
        progress(sitting * turns + turn + 1, plan.sittings * turns);
        const counts = turn >= thrownAway;
        const taking = entrants.filter(({ contestant }) => sitting === 0 || contestant.extra !== true);
        for (const entrant of startingAt(turn, taking.filter(isIn))) {
          await take(entrant, counts, load, plan, peers);
        }
      }
    } finally {
      await Promise.all(entrants.map(leave));
      await load.end();
    }
  }
  return {
    case: subject,
    figures: new Map(entrants.filter(isIn).map(({ contestant, figures }) => [contestant.name, figures])),
    leftOut: new Map(
      entrants.flatMap(({ contestant, leftOut }) => (leftOut ? [[contestant.name, leftOut]] : [])),
    ),
  };
}

function entrantsOf(subject: Case, { field }: Plan, peers: Peers): Entrant[] {
  const { contestants, needs } = subject;
  const taking = contestants.filter((contestant) => takesPart(contestant, subject, field));
  return taking.map((contestant) => {
    const reason = peers.lacking(needs) ?? peers.lacking(contestant.needs);
    const entrant = { contestant, figures: [] };
    return reason === undefined ? entrant : { ...entrant, leftOut: { reason, failed: false } };
  });
}

function takesPart({ name, extra }: Contestant, { rows }: Case, field: Field): boolean {
  if (field !== "guarded") return field === "all" || extra !== true;
  return rows.some(({ must, subject, floor }) => must !== undefined && (subject === name || floor === name));
}

function startingAt(turn: number, entrants: readonly Entrant[]): Entrant[] {
  const first = turn % Math.max(entrants.length, 1);
  return [...entrants.slice(first), ...entrants.slice(0, first)];
}

function isIn({ leftOut }: Entrant): boolean {
  return leftOut === undefined;
}

/** One entrant's turn. */
async function take(entrant: Entrant, counts: boolean, load: Load, plan: Plan, peers: Peers): Promise<void> {
  try {
    entrant.stage ??= await enter(entrant.contestant, load, plan, peers);
    const figures = await load.measure(entrant.stage.program, entrant.stage.port);
    if (counts) entrant.figures.push(figures);
  } catch (error) {
    // If the entrant broke down, that is the reason, and not the errors that its load had.
    const breakdown = await leave(entrant);
    entrant.leftOut = { reason: breakdown ?? (error as Error).message, failed: true };
  }
}

async function enter(contestant: Contestant, load: Load, plan: Plan, peers: Peers): Promise<Stage> {
  const module = pathOf(`contestants/${contestant.module}`);
  const options = plan.nodeOptions(contestant);
  const [command, ...rest] = peers.commandOf(contestant.runtime ?? "node", module, options);
  const args = argsOver(contestant.over ?? "tcp", [...load.args, ...(contestant.args ?? [])]);
  const [program, { port = 0 }] = await Program.start(command, [...rest, ...args]);
  return { program, port };
}

/** Resolves when the entrant's process has ended; to the reason if it failed. */
async function leave(entrant: Entrant): Promise<string | undefined> {
  const { stage } = entrant;
  entrant.stage = undefined;
  return await stage?.program.end();
}
