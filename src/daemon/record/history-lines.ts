/**
 * The lines of the history and what they mean together. A transfer that has
 * ended is a line; what becomes of its hook later is a line of its own, which
 * comes after it in the file and so before it when that is read from the end.
 * Pure.
 */

import { z } from "zod";
import { type HistoryView, type HookView, historyView, hookView, itemView } from "../../control/schema.ts";

/** Lines of older versions lack what came later. */
const storedTransfer = historyView.extend({
  items: z.array(
    itemView.extend({ root: itemView.shape.root.default(null), there: itemView.shape.there.default(false) }),
  ),
  already: historyView.shape.already.default({ entries: 0, bytes: 0 }),
  count: historyView.shape.count.optional(),
  note: historyView.shape.note.default(null),
  sourceChanged: historyView.shape.sourceChanged.default(false),
  hook: historyView.shape.hook.default(null),
});

/** Whose hook it is: ids are chosen by the sender, and the same one may have been used for several transfers. */
const hookOf = z.object({ peer: z.string(), id: z.string(), at: z.string() });
const storedHook = z.object({ v: z.literal(1), hookOf, hook: hookView });

/** The lines of what was received. */
export function hasArrived({ direction, result }: HistoryView): boolean {
  return direction === "in" && result === "done";
}

/** Whether all of a transfer stood here before. */
export function isAllThere({ items }: Pick<HistoryView, "items">): boolean {
  return items.length > 0 && items.every(({ there }) => there);
}

type Hooked = Pick<HistoryView, "peer" | "id" | "at">;

export function transferLine(line: HistoryView): string {
  return JSON.stringify(line);
}

/** What has become of the hook of a transfer that has its line already. */
export function hookLine({ peer, id, at }: Hooked, hook: HookView): string {
  return JSON.stringify({ v: 1, hookOf: { peer: peer.id, id, at }, hook });
}

/** Puts lines together that are read from the newest to the oldest. */
export class Reading {
  readonly #hooks = new Map<string, HookView>();

  /** The transfer of a line; undefined for a line that only says more of an older one. Throws for one that is not ours. */
  take(text: string): HistoryView | undefined {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "hookOf" in value) {
      const { hookOf, hook } = storedHook.parse(value);
      const key = keyOf(hookOf.peer, hookOf.id, hookOf.at);
      if (!this.#hooks.has(key)) this.#hooks.set(key, hook);
      return undefined;
    }
    const { count, ...line } = storedTransfer.parse(value);
    const key = keyOf(line.peer.id, line.id, line.at);
    const hook = this.#hooks.get(key) ?? line.hook;
    this.#hooks.delete(key);
    return { ...line, count: count ?? line.items.length, hook };
  }
}

function keyOf(peer: string, id: string, at: string): string {
  return `${peer} ${id} ${at}`;
}
