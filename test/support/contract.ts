/** The objects that docs/automation.md describes, each under its heading there. */

import { type ZodObject, z } from "zod";
import * as lines from "../../src/control/lines.ts";
import * as schema from "../../src/control/schema.ts";

const events = schema.event.options.map((option) => [`Event \`${option.shape.type.value}\``, option] as const);
/** `failed` is how the daemon tells lanxferctl, which tells it as every error. */
const preview = schema.previewLine.options
  .filter((option) => option.shape.is.value !== "failed")
  .map((option) => [`Would be sent: \`${option.shape.is.value}\``, option] as const);

export const OBJECTS: ReadonlyMap<string, ZodObject> = new Map<string, ZodObject>([
  ...events,
  ["Transfer", schema.transferView],
  ["Other end", schema.partyView],
  ["Item", schema.itemView],
  ["Queue", schema.queueView],
  ["Error", schema.errorView],
  ["Peer", schema.peerView],
  ["Peers", lines.peersLine],
  ["Offer", schema.offerView],
  ["Device", schema.deviceView],
  ["History line", schema.historyView],
  ["Hook", schema.hookView],
  ["Inbox item", schema.inboxView],
  ["Arrival", lines.arrivalLine],
  ["Status", schema.statusView],
  ["Finding", schema.findingView],
  ["Identity", schema.identityView],
  ["Setting", schema.settingView],
  ["Invite", schema.inviteView],
  ["Invite file", lines.inviteFileLine],
  ["Service", lines.serviceLine],
  ...preview,
  ["Done", lines.doneLine],
]);

/** Which of the objects with these headings a line of --json is, in every field and with no other; undefined for none. */
export function kindOf(line: unknown, headings: readonly string[]): string | undefined {
  return headings.find((heading) => {
    const object = OBJECTS.get(heading);
    if (object === undefined) throw new Error(`nothing is known of "${heading}"`);
    const parsed = object.extend({ v: z.literal(1) }).safeParse(line);
    // Fields that are not in the schema are left out by it.
    return parsed.success && sorted(parsed.data) === sorted(line);
  });
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
