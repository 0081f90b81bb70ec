import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDeviceId, isTransferId } from "../../../src/core/ids.ts";
import { parseJob } from "../../../src/daemon/outgoing/job.ts";

const BEGUN = {
  v: 1,
  id: "abcdefghijklmnop",
  recipient: { id: "lj5hrtfeud2cbwn4mk5wnhb4e5m6hh3shu5ocdol4dyicwqh5tka", name: "alice" },
  paths: ["/home/me/a"],
  exclude: ["*.tmp"],
  note: "hello",
  createdAt: 1_767_225_600_000,
  items: [{ name: "a", type: "file" }],
  entries: 1,
  bytes: 5,
  always: false,
  copied: null,
  queue: null,
  paused: false,
  state: { is: "begun", progressAt: 1_767_225_600_000 },
};
const QUEUED = {
  ...BEGUN,
  copied: 12,
  queue: { order: 7, ttl: 1_000, expiresAt: 5_000, stamp: "0123456789abcdef" },
  state: { is: "queued" },
};

describe("a job file", () => {
  it("is a whole job or is refused, whatever stands in it", () => {
    for (const job of [BEGUN, QUEUED]) expect(parseJob(JSON.stringify(job))).toEqual(job);
    const member = fc.constantFrom(...Object.keys(BEGUN));
    const changed = fc
      .tuple(fc.constantFrom(BEGUN, QUEUED), member, fc.jsonValue({ maxDepth: 3 }))
      .map(([job, name, value]) => JSON.stringify({ ...job, [name]: value }));
    const text = fc.oneof(changed, fc.json(), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(text, (json) => {
        let job: ReturnType<typeof parseJob>;
        try {
          job = parseJob(json);
        } catch {
          return; // refused
        }
        expect(isTransferId(job.id) && isDeviceId(job.recipient.id)).toBe(true);
        expect(job.paths.length).toBeGreaterThan(0);
        for (const path of job.paths) expect(path.startsWith("/")).toBe(true);
        // It is one of a queue, or is not said to be.
        expect(job.queue !== null || job.state.is !== "queued").toBe(true);
        // It can be shown: times are dates.
        const { state } = job;
        const times = [job.createdAt, ...(state.is === "failed" ? [state.at] : [])];
        for (const time of times) expect(() => new Date(time).toISOString()).not.toThrow();
      }),
      { numRuns: 20_000 },
    );
  });
});
