import { describe, expect, it } from "vitest";
import type { OfferView } from "../../../src/control/schema.ts";
import type { Notice } from "../../../src/daemon/host/notify.ts";
import { Notices } from "../../../src/daemon/notices.ts";
import { ACTIVE } from "../../cli/support/place.ts";
import * as views from "../../cli/support/views.ts";
import { ManualClock } from "../discovery/support/clock.ts";

function told() {
  const clock = new ManualClock();
  const shown: Notice[] = [];
  const notices = new Notices(clock, (notice) => shown.push(notice));
  return { clock, shown, notices, titles: () => shown.map(({ title }) => title) };
}

const offer = (id: string, change: Partial<OfferView> = {}) => views.offer({ id, ...change });
const arrival = (id: string) => views.transfer({ id, direction: "in", state: "done" });

describe("The desktop is told", () => {
  it("of an offer with what it is, who makes it and how to take it", () => {
    const { notices, shown } = told();
    notices.offered(offer("oooooooooooooooo"));
    expect(shown).toEqual([
      {
        title: "lanxfer: an offer waits for your answer",
        body: "photos and 1 more (1.5 GB) from bob; take it with: lanxferctl accept oooooooooooooooo",
      },
    ]);
    notices.close();
  });

  it("of an offer of a device that is not paired with what it calls itself, and that nobody checked it", () => {
    const { notices, shown } = told();
    notices.offered(offer("oooooooooooooooo", { from: views.stranger('bob" <b>') }));
    expect(shown).toEqual([
      {
        title: "lanxfer: an offer of an unpaired device waits for your answer",
        body: 'photos and 1 more (1.5 GB) from unpaired aliceaaa, calls itself "bob\\" <b>" (not checked); take it with: lanxferctl accept oooooooooooooooo',
      },
    ]);
    notices.close();
  });

  it("that a device is not the paired one whose name it goes by", () => {
    const { notices, shown } = told();
    notices.offered(offer("o", { from: views.stranger("bob", "bob") }));
    expect(shown[0]?.body).toContain('calls itself "bob" (not checked, not your bob)');
    notices.close();
  });

  it("of offers of others although strangers make many, and of those once a minute", async () => {
    const { notices, clock, titles } = told();
    for (let n = 0; n < 16; n++) notices.offered(offer(`${n}`, { from: views.stranger("bob") }));
    notices.offered(offer("a"));
    notices.arrived({ ...arrival("t"), peer: views.stranger("x".repeat(63)) });
    expect(titles()).toHaveLength(3);
    await clock.pass(59_999);
    expect(titles()).toHaveLength(3);
    await clock.pass(1);
    expect(titles().slice(3)).toEqual(["lanxfer: 15 more offers of unpaired devices wait for your answer"]);
    notices.close();
  });

  it("of what has arrived from a device that is not paired as such, however long its name", () => {
    const { notices, shown } = told();
    notices.arrived({ ...arrival("t"), peer: views.stranger("x".repeat(63)) });
    expect(shown[0]?.body).toMatch(/from unpaired aliceaaa, calls itself "x{47}…" \(not checked\)$/);
    notices.close();
  });

  it("of what has arrived, under the name that it got", () => {
    const { notices, shown } = told();
    notices.arrived({ ...arrival("t"), items: [views.item("report.pdf", "report (1).pdf")] });
    expect(shown).toEqual([{ title: "lanxfer: something has arrived", body: "report (1).pdf (3.1 GB) from alice" }]);
    notices.close();
  });

  it("of the first of a burst at once, and of the others as a number", async () => {
    const { notices, clock, titles } = told();
    for (const id of ["a", "b", "c", "d"]) notices.arrived(arrival(id));
    expect(titles()).toEqual(["lanxfer: something has arrived"]);
    await clock.pass(10_000);
    expect(titles().slice(1)).toEqual(["lanxfer: 3 more transfers have arrived"]);
    notices.arrived(arrival("e"));
    await clock.pass(10_000);
    expect(titles().slice(2)).toEqual(["lanxfer: 1 more transfer has arrived"]);
    await clock.pass(10_000);
    expect(clock.timers).toBe(0);
    notices.arrived(arrival("f"));
    expect(titles().slice(3)).toEqual(["lanxfer: something has arrived"]);
    notices.close();
    expect(clock.timers).toBe(0);
  });

  it("of offers that still wait only", async () => {
    const { notices, clock, titles } = told();
    for (const id of ["a", "b", "c"]) notices.offered(offer(id));
    notices.settled(offer("b"));
    notices.settled(offer("a"));
    await clock.pass(10_000);
    expect(titles().slice(1)).toEqual(["lanxfer: 1 more offer waits for your answer"]);
    notices.offered(offer("d"));
    notices.settled(offer("d"));
    await clock.pass(10_000);
    expect(titles()).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  it("of offers although much arrives, and the other way round", () => {
    const { notices, titles } = told();
    notices.arrived(arrival("a"));
    notices.offered(offer("b"));
    expect(titles()).toHaveLength(2);
    notices.close();
  });

  it("nothing that could act upon it, and no name that is as long as its sender likes", () => {
    const { notices, shown } = told();
    const items = [{ name: `${views.HOSTILE}${"x".repeat(4_000)}`, type: "file" as const }];
    notices.offered(offer("a", { items, from: { ...views.offer().from, name: `${views.HOSTILE}${"y".repeat(60)}` } }));
    const [{ title, body } = { title: "", body: "" }] = shown;
    expect(`${title}${body}`).not.toMatch(ACTIVE);
    expect(`${title}${body}`).not.toContain("\n");
    expect(body.length).toBeLessThan(500);
    notices.close();
  });
});
