/** Methods of an object that stand-ins have taken the place of. */
export interface Loan<Methods> {
  /** The object's own. */
  ownOf(object: object): Methods;
  /** Puts the properties back as they were, but for those that other code has replaced meanwhile. */
  giveBack(object: object): void;
}

/** Puts stand-ins in place of methods of an object, until the object is given its own back. */
export class BorrowedMethods<T extends object, Name extends keyof T> implements Loan<Pick<T, Name>> {
  /** The object's own, as they were. */
  readonly own: Pick<T, Name>;
  readonly #object: T;
  readonly #names: readonly Name[];
  readonly #standIns: Pick<T, Name>;
  /** Of the methods that the object did not inherit, which are few: the properties. */
  #before: Map<Name, PropertyDescriptor> | null = null;

  /** Once the methods are given back a stand-in may still be called, by a wrapper: it passes the call on then. */
  constructor(object: T, standIns: (own: Pick<T, Name>) => Pick<T, Name>, names: readonly Name[]) {
    this.#object = object;
    this.#names = names;
    const own: Partial<Pick<T, Name>> = {};
    for (const name of names) {
      own[name] = object[name];
      if (Object.hasOwn(object, name)) this.#keep(name);
    }
    this.own = own as Pick<T, Name>;
    this.#standIns = standIns(this.own);
    for (const name of names) {
      const value = this.#standIns[name];
      Object.defineProperty(object, name, { value, configurable: true, writable: true });
    }
  }

  ownOf(): Pick<T, Name> {
    return this.own;
  }

  giveBack(): void {
    const object = this.#object;
    // The last one first, and by `delete`: V8 undoes the last addition. Otherwise it makes a table of all the properties.
    for (let i = this.#names.length - 1; i >= 0; i--) {
      const name = this.#names[i] as Name;
      if (object[name] !== this.#standIns[name]) continue;
      const property = this.#before?.get(name);
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- see above
      if (property === undefined) delete object[name];
      else Object.defineProperty(object, name, property);
    }
  }

  #keep(name: Name): void {
    this.#before ??= new Map();
    this.#before.set(name, Object.getOwnPropertyDescriptor(this.#object, name) as PropertyDescriptor);
  }
}
