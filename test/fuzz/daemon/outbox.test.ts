import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDeviceId, isTransferId } from "../../../src/core/ids.ts";
import { parseJob } from "../../../src/daemon/outgoing/outbox.ts";

const JOB = {
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
  state: { is: "begun", progressAt: 1_767_225_600_000 },
};

describe("a job file", () => {
  it("is a whole job or is refused, whatever stands in it", () => {
    expect(parseJob(JSON.stringify(JOB))).toEqual(JOB);
    const member = fc.constantFrom(...Object.keys(JOB));
    const changed = fc
      .tuple(member, fc.jsonValue({ maxDepth: 3 }))
      .map(([name, value]) => JSON.stringify({ ...JOB, [name]: value }));
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
        // It can be shown: times are dates.
        const { state } = job;
        const times = [job.createdAt, state.is === "begun" ? state.progressAt : state.at];
        for (const time of times) expect(() => new Date(time).toISOString()).not.toThrow();
      }),
      { numRuns: 20_000 },
    );
  });
});
