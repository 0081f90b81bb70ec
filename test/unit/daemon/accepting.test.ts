import { mkdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { acceptOffer } from "../../../src/daemon/accepting.ts";
import { stranger } from "../../../src/daemon/views.ts";
import { openTrustStore } from "../../../src/identity/trust-store.ts";
import { temporaryDirectories } from "../../support/temporary.ts";
import { Waiting } from "./support/waiting.ts";

const id = deviceIdFromHash(Buffer.alloc(32, 1));

const temporaryDirectory = temporaryDirectories();

async function scene() {
  const directory = await temporaryDirectory();
  const trust = await openTrustStore(directory, systemClock);
  const waiting = new Waiting();
  return { directory, trust, waiting, parts: { offers: waiting.offers, trust } };
}

describe("A yes to an offer", () => {
  it("is a yes to this transfer and nothing more", async () => {
    const { trust, waiting, parts } = await scene();
    const offer = waiting.offer(stranger(id, "alice", []));
    expect(await acceptOffer(offer.id, false, parts)).toMatchObject({ device: null, again: false });
    expect(await offer.ended).toBe("accepted");
    expect(trust.list()).toEqual([]);
  });

  it("is one to its sender, too, when that is wanted, and that comes first", async () => {
    const { trust, waiting, parts } = await scene();
    const offer = waiting.offer(stranger(id, "alice", []));
    const accepting = acceptOffer(offer.id, true, parts);
    expect(waiting.ids).toEqual([offer.id]);
    expect(await accepting).toMatchObject({ device: { id, name: "alice", policy: "auto" }, again: false });
    expect(await offer.ended).toBe("accepted");
    expect(trust.get(id)).toMatchObject({ name: "alice" });
  });

  it("says when the sender was paired before, and changes nothing about it", async () => {
    const { trust, waiting, parts } = await scene();
    await trust.pair({ id, name: "bob" });
    await trust.setPolicy(id, "ask");
    const offer = waiting.offer({ id, name: "bob" });
    expect(await acceptOffer(offer.id, true, parts)).toMatchObject({
      device: { name: "bob", policy: "ask" },
      again: true,
    });
  });

  it("says what is left of it when the sender hangs up before the trust is kept", async () => {
    const { trust, waiting, parts } = await scene();
    const offer = waiting.offer(stranger(id, "alice", []));
    const accepting = acceptOffer(offer.id, true, parts);
    waiting.hangUp(offer.id);
    await expect(accepting).rejects.toMatchObject({
      code: "E_LOST",
      message: expect.stringContaining("it was paired, but its offer is gone"),
    });
    expect(trust.get(id)).toMatchObject({ name: "alice" });
  });

  it("leaves the offer as it was when the trust cannot be kept", async () => {
    const { directory, trust, waiting, parts } = await scene();
    const offer = waiting.offer(stranger(id, "alice", []));
    await mkdir(path.join(directory, "devices.json")); // no file can take its place
    await expect(acceptOffer(offer.id, true, parts)).rejects.toMatchObject({ code: "E_STATE" });
    expect(waiting.ids).toEqual([offer.id]);
    expect(trust.list()).toEqual([]);
  });
});
