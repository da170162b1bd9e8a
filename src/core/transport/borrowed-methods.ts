/** Puts stand-ins in place of methods of an object, until the object is given its own back. */
export class BorrowedMethods<T extends object, Name extends keyof T> {
  /** The object's own, as they were. */
  readonly own: Pick<T, Name>;
  readonly #object: T;
  readonly #before: ReadonlyMap<Name, PropertyDescriptor | undefined>;
  readonly #standIns: Pick<T, Name>;

  /** Once the methods are given back a stand-in may still be called, by a wrapper: it passes the call on then. */
  constructor(object: T, standIns: (own: Pick<T, Name>) => Pick<T, Name>, names: readonly Name[]) {
    this.#object = object;
    this.#before = new Map(names.map((name) => [name, Object.getOwnPropertyDescriptor(object, name)]));
    this.own = Object.fromEntries(names.map((name) => [name, object[name]])) as Pick<T, Name>;
    this.#standIns = standIns(this.own);
    for (const name of names) {
      const value = this.#standIns[name];
      Object.defineProperty(object, name, { value, configurable: true, writable: true });
    }
  }

  /** Puts the properties back as they were, but for those that other code has replaced meanwhile. */
  giveBack(): void {
    for (const [name, property] of this.#before) {
      if (Object.getOwnPropertyDescriptor(this.#object, name)?.value !== this.#standIns[name]) continue;
      if (property === undefined) Reflect.deleteProperty(this.#object, name);
      else Object.defineProperty(this.#object, name, property);
    }
  }
}
