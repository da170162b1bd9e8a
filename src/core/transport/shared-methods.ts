import { BorrowedMethods, retire } from "./borrowed-methods.js";

/** The methods that an object has without the stand-ins of one loan. */
export type OwnOf<Methods> = (object: object) => Methods;

/** Methods of an object that stand-ins have taken the place of. */
export interface Loan<Methods> {
  readonly ownOf: OwnOf<Methods>;
  /** Puts the properties back as they were, but for those that other code has replaced meanwhile. */
  giveBack(object: object): void;
}

/**
 * Stand-ins for methods of many objects: the same functions for all, since a function of its own for each would be most of
 * what a connection costs.
 */
export class SharedMethods<Methods extends object> implements Loan<Methods> {
  readonly ownOf: OwnOf<Methods> = (object) => Object.getPrototypeOf(object) as Methods;
  readonly #make: (ownOf: OwnOf<Methods>) => Methods;
  readonly #standIns: Methods;
  readonly #names: readonly (keyof Methods)[];

  /** @param make - makes stand-ins that ask `ownOf(this)` for what they stand for */
  constructor(make: (ownOf: OwnOf<Methods>) => Methods) {
    this.#make = make;
    this.#standIns = make(this.ownOf);
    this.#names = Object.keys(this.#standIns) as (keyof Methods)[];
  }

  /** Puts the stand-ins in place. An object with a method that it has not inherited gets stand-ins of its own. */
  lendTo(object: Partial<Methods>): Loan<Methods> {
    if (this.#names.some((name) => Object.hasOwn(object, name))) return this.#lendAlone(object as Methods);
    // Not by a new prototype: V8 would make a hidden class of its own for each object.
    Object.assign(object, this.#standIns);
    return this;
  }

  giveBack(object: Partial<Methods>): void {
    // The last one first, and by `delete`: V8 undoes the last addition. Otherwise it makes a table of all the properties.
    for (let i = this.#names.length - 1; i >= 0; i--) {
      const name = this.#names[i] as keyof Methods;
      const standIn = this.#standIns[name];
      if (object[name] !== standIn) retire(object, name, standIn, undefined);
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- see above
      else delete object[name];
    }
  }

  #lendAlone(object: Methods): Loan<Methods> {
    let ownOf = this.ownOf;
    const makeOver = (own: Methods): Methods => this.#make((ownOf = () => own));
    const methods = new BorrowedMethods<Methods, keyof Methods>(object, makeOver, this.#names);
    return { ownOf, giveBack: () => methods.giveBack() };
  }
}
