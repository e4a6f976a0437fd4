import { createContext } from 'preact';
import { useContext, useEffect, useReducer, useRef } from 'preact/hooks';
import { type Action, initialState, reduce, type State } from './state.ts';

export interface Store {
  readonly state: State;
  readonly dispatch: (action: Action) => void;
  /** Calls back at most once a frame. Returns how to stop. */
  listen(listener: () => void): () => void;
}

export function createStore(): Store {
  let state = initialState;
  let scheduled = false;
  const listeners = new Set<() => void>();
  const tell = () => {
    scheduled = false;
    for (const listener of listeners) listener();
  };
  return {
    get state() {
      return state;
    },
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(tell);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export const StoreContext = createContext<Store | undefined>(undefined);

/** A part of the state; draws the component again only when that part is another one. */
export function useSelected<T>(select: (state: State) => T): T {
  const store = useContext(StoreContext);
  if (store === undefined) throw new Error('there is no store above this component');
  const [, draw] = useReducer<number, undefined>((drawn) => drawn + 1, 0);
  const value = select(store.state);
  const shown = useRef(value);
  const latest = useRef(select);
  shown.current = value;
  latest.current = select;
  useEffect(() => {
    const compare = () => {
      if (!Object.is(latest.current(store.state), shown.current)) draw(undefined);
    };
    compare();
    return store.listen(compare);
  }, [store]);
  return value;
}

export function useDispatch(): Store['dispatch'] {
  const store = useContext(StoreContext);
  if (store === undefined) throw new Error('there is no store above this component');
  return store.dispatch;
}
