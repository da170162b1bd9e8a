/** Puts stand-ins in place of methods of an object, until the object is given its own back. */
export class BorrowedMethods<T extends object, Name extends keyof T> {
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
      const property = Object.getOwnPropertyDescriptor(object, name);
      if (property !== undefined) (this.#before ??= new Map()).set(name, property);
    }
    this.own = own as Pick<T, Name>;
    this.#standIns = standIns(this.own);
    for (const name of names) {
      const value = this.#standIns[name];
      Object.defineProperty(object, name, { value, configurable: true, writable: true });
    }
  }

  /** Puts the properties back as they were, but for those that other code has replaced meanwhile. */
  giveBack(): void {
    const object = this.#object;
    // The last one first: V8 takes back the property that was added last at the least cost.
    for (let i = this.#names.length - 1; i >= 0; i--) {
      const name = this.#names[i] as Name;
      if (Object.getOwnPropertyDescriptor(object, name)?.value !== this.#standIns[name]) continue;
      const property = this.#before?.get(name);
      if (property === undefined) Reflect.deleteProperty(object, name);
      else Object.defineProperty(object, name, property);
    }
  }
}
