/**
 * Places where the id of this very device is announced, and not by this start of
 * it: a double, that is another machine with a copy of our state directory; a
 * liar; or what somebody remembers of an earlier start. Pure. Only a key tells
 * these apart, so the places are asked, few and seldom, because whoever announces
 * decides how many there are.
 */

import type { Endpoint } from "./types.ts";

export interface Echo {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Monotonic milliseconds, as is `askedAt`. */
  readonly heardAt: number;
  readonly askedAt: number;
  /** Questions that it may still leave unanswered before it is no double; 0 for what never was one. */
  readonly credit: number;
}

/** By address and port. */
export type Echoes = ReadonlyMap<string, Echo>;

const PERIOD = 60_000; // ms between questions to one place
const REMEMBERED = 2 * PERIOD; // ms after it was heard; a double as long as it answers, heard or not
const MAX_ECHOES = 8;
const CREDIT = 3; // one lost packet shall not make us forget it: it may never be heard again

/** After `name` was announced from `endpoint`, and whether to ask who is there. */
export function hearEcho(echoes: Echoes, name: string, endpoint: Endpoint, at: number) {
  const next = new Map([...echoes].filter(([, echo]) => echo.credit > 0 || at - echo.heardAt <= REMEMBERED));
  const key = keyOf(endpoint);
  const before = next.get(key);
  if (before === undefined && next.size >= MAX_ECHOES) return { echoes: next, ask: false };
  const ask = before === undefined || at - before.askedAt >= PERIOD;
  const askedAt = ask ? at : before.askedAt;
  next.set(key, { name, endpoint, heardAt: at, askedAt, credit: before?.credit ?? 0 });
  return { echoes: next, ask };
}

/** Doubles that are due to be asked whether they are still there. */
export function askDoubles(echoes: Echoes, at: number) {
  const due = [...echoes].filter(([, echo]) => echo.credit > 0 && at - echo.askedAt >= PERIOD);
  const next = new Map([...echoes, ...due.map(([key, echo]) => [key, { ...echo, askedAt: at }] as const)]);
  return { echoes: next, asked: due.map(([, { endpoint }]) => endpoint) };
}

/** After our own key answered at `endpoint`, on another machine, or did not. */
export function judgeEcho(echoes: Echoes, endpoint: Endpoint, isDouble: boolean): Echoes {
  const echo = echoes.get(keyOf(endpoint));
  if (echo === undefined) return echoes;
  const credit = isDouble ? CREDIT : Math.max(0, echo.credit - 1);
  return new Map(echoes).set(keyOf(endpoint), { ...echo, credit });
}

/** What doubles are called. */
export function doublesOf(echoes: Echoes): string[] {
  return [...echoes.values()].filter(({ credit }) => credit > 0).map(({ name }) => name);
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}
