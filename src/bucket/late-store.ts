import type { Store } from './store.ts';

/** A store that is made when it is first asked: where it is may be known only after the instance was told its region. */
export function lateStore(name: string, make: () => Store): Store {
  let made: Store | undefined;
  const store = () => {
    made ??= make();
    return made;
  };
  return {
    name,
    list: async (...words) => await store().list(...words),
    read: async (object, sink) => await store().read(object, sink),
    serverDate: () => made?.serverDate(),
    cost: () => made?.cost() ?? { requests: 0, bytes: 0 },
  };
}
