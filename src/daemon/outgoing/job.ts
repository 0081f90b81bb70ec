/**
 * A transfer of this device as it is kept on disk: what is to be sent to whom,
 * and how far that has come. Pure; where jobs are kept is outbox.ts.
 */

import { z } from "zod";
import { errorView, partyView } from "../../control/schema.ts";
import { type DeviceId, isDeviceId, isTransferId, type TransferId } from "../../core/ids.ts";

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Milliseconds since 1970, such as a Date can hold. */
const wallTime = z.number().min(0).max(8.64e15);
/** Milliseconds of queue time (queue-time.ts). */
const queueTime = z.number().min(0).max(8.64e15);

/** What was agreed when the user queued it. */
const queue = z.object({
  /** Those to one device go in this order, the lowest first. */
  order: size,
  /** For how long it may wait to begin (ms), and until when that is. */
  ttl: size,
  expiresAt: queueTime,
  /** The stamp of its sources then (transfer/source.ts). */
  stamp: z.string().max(64),
});
export type Queue = z.infer<typeof queue>;

const jobSchema = z
  .object({
    v: z.literal(1),
    id: z.custom<TransferId>(isTransferId, "not a transfer id"),
    recipient: partyView.extend({ id: z.custom<DeviceId>(isDeviceId, "not a device id") }),
    /** Absolute. */
    paths: z.array(z.string().startsWith("/")).min(1),
    /** Missing in the jobs of older versions, as is the note. */
    exclude: z.array(z.string()).default([]),
    note: z.string().nullable().default(null),
    /** Also what the receiver has from earlier transfers is sent. */
    always: z.boolean().default(false),
    createdAt: wallTime,
    /** Most bytes a second; as many as there are when left out. */
    rate: size.min(1).optional(),
    items: z.array(z.object({ name: z.string(), type: z.enum(["file", "folder"]) })),
    entries: size,
    bytes: size,
    /** Bytes of the copy (spool.ts) that `paths` lead to; null where they are the user's own. */
    copied: size.nullable().default(null),
    /** Null for one that was to go at once, and became a job when it began. */
    queue: queue.nullable().default(null),
    /** Does not go on until its user says so. */
    paused: z.boolean().default(false),
    state: z.discriminatedUnion("is", [
      /** Waits for its turn and its device. */
      z.object({ is: z.literal("queued") }),
      /** The receiver accepted it once. Goes on by itself. */
      z.object({ is: z.literal("begun"), progressAt: queueTime }),
      /** Goes on when the user wants it; forgotten at `until`. */
      z.object({ is: z.literal("failed"), at: wallTime, until: queueTime, moved: size, error: errorView }),
    ]),
  })
  .refine((job) => job.state.is !== "queued" || job.queue !== null, "queued, but not by the rules of a queue");
export type Job = z.infer<typeof jobSchema>;

/** Throws for anything that is not a job of ours. */
export function parseJob(text: string): Job {
  return jobSchema.parse(JSON.parse(text));
}
