/** How a view comes by what it shows. */

import { useCallback, useEffect, useState } from "preact/hooks";
import { problemOf } from "../api.ts";
import type { Desk } from "../desk.ts";
import type { Model } from "../model.ts";
import type { Problem } from "../problem.ts";
import { every, wallNow } from "../time.ts";

/** The model, and again when it has changed. */
export function useModel(desk: Desk): Model {
  const [model, setModel] = useState(desk.model);
  useEffect(() => desk.subscribe(() => setModel(desk.model)), [desk]);
  return model;
}

export interface Loaded<T> {
  /** What was read last, also while it is read anew. */
  readonly value: T | undefined;
  readonly problem: Problem | undefined;
  readonly busy: boolean;
  readonly reload: () => void;
}

/** What `read` resolves to; read again when one of `causes` is another one. */
export function useLoaded<T>(read: () => Promise<T>, causes: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "reload">>({ value: undefined, problem: undefined, busy: true });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => {
    let isWanted = true;
    setState((before) => ({ ...before, busy: true }));
    read().then(
      (value) => isWanted && setState({ value, problem: undefined, busy: false }),
      (error) => isWanted && setState((before) => ({ ...before, problem: problemOf(error), busy: false })),
    );
    return () => {
      isWanted = false;
    };
  }, [...causes, round]);
  return { ...state, reload };
}

/** The wall clock, each second. */
export function useNow(): number {
  const [now, setNow] = useState(wallNow);
  useEffect(() => every(1_000, () => setNow(wallNow())), []);
  return now;
}
