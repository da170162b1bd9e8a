/**
 * By their objects: stand-ins that were given back while others stood in their place, and the properties that they had
 * replaced. The others do not put them back.
 */
const retired = new WeakMap<object, Map<unknown, PropertyDescriptor | undefined>>();

/** Remembers a stand-in that is given back, if another one has taken its place on the object. */
export function retire(
  object: object,
  name: PropertyKey,
  standIn: unknown,
  before: PropertyDescriptor | undefined,
): void {
  if (!Object.hasOwn(object, name)) return;
  const standIns = retired.get(object) ?? new Map<unknown, PropertyDescriptor | undefined>();
  retired.set(object, standIns.set(standIn, before));
}

/** What is to be put back in place of a property of before: what that itself had replaced, if it is a retired stand-in. */
function unretired(object: object, before: PropertyDescriptor | undefined): PropertyDescriptor | undefined {
  const standIns = retired.get(object);
  let property = before;
  while (property !== undefined && standIns?.has(property.value) === true) {
    const standIn: unknown = property.value;
    property = standIns.get(standIn);
    standIns.delete(standIn);
  }
  return property;
}

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
      if (Object.hasOwn(object, name)) this.#keep(name);
    }
    this.own = own as Pick<T, Name>;
    this.#standIns = standIns(this.own);
    for (const name of names) {
      const value = this.#standIns[name];
      Object.defineProperty(object, name, { value, configurable: true, writable: true });
    }
  }

  giveBack(): void {
    const object = this.#object;
    // The last one first, and by `delete`: V8 undoes the last addition. Otherwise it makes a table of all the properties.
    for (let i = this.#names.length - 1; i >= 0; i--) {
      const name = this.#names[i] as Name;
      const standIn = this.#standIns[name];
      const before = this.#before?.get(name);
      if (object[name] !== standIn) {
        retire(object, name, standIn, before);
        continue;
      }
      const property = unretired(object, before);
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
