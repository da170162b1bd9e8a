/** Methods of an object that others stand in for, until it gets them back. */
export class BorrowedMethods<T extends object, Name extends keyof T> {
  /** The object's own, as they were. */
  readonly own: Pick<T, Name>;
  readonly #object: T;
  readonly #before: ReadonlyMap<Name, PropertyDescriptor | undefined>;

  constructor(object: T, standIns: (own: Pick<T, Name>) => Pick<T, Name>, names: readonly Name[]) {
    this.#object = object;
    this.#before = new Map(names.map((name) => [name, Object.getOwnPropertyDescriptor(object, name)]));
    this.own = Object.fromEntries(names.map((name) => [name, object[name]])) as Pick<T, Name>;
    for (const [name, value] of Object.entries(standIns(this.own))) {
      Object.defineProperty(object, name, { value, configurable: true, writable: true });
    }
  }

  giveBack(): void {
    for (const [name, property] of this.#before) {
      if (property === undefined) Reflect.deleteProperty(this.#object, name);
      else Object.defineProperty(this.#object, name, property);
    }
  }
}
