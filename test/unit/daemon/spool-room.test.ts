import { describe, expect, it } from "vitest";
import { transferIdFrom } from "../../../src/core/ids.ts";
import { type SpoolLimits, SpoolRoom } from "../../../src/daemon/outgoing/spool-room.ts";
import { MiB } from "../../support/sizes.ts";

const [A, B] = [transferIdFrom(new Uint8Array(10)), transferIdFrom(new Uint8Array(10).fill(1))];
const full = expect.objectContaining({ code: "E_SPOOL_FULL" });

/** Room on a disk of 1000 blocks of which `free` are free. */
function room(limits: Partial<SpoolLimits>, disk = { free: 1_000, asked: 0 }) {
  return new SpoolRoom(
    () => ({ space: 0, reserve: 0, ...limits }),
    async () => {
      disk.asked++;
      return { bavail: disk.free, blocks: 1_000, bsize: MiB };
    },
  );
}

describe("the room for copies", () => {
  it("is shared by all of them, and free again when they are gone", async () => {
    const shared = room({ space: 100 });
    await shared.take(A, 40);
    await shared.take(B, 50);
    await expect(shared.take(A, 11)).rejects.toEqual(full);
    await shared.take(A, 10);
    expect(shared.total).toBe(100);
    shared.free(A);
    expect(shared.total).toBe(50);
    await shared.take(B, 50);
    shared.free(A);
    shared.free(B);
    expect(shared.total).toBe(0);
  });

  it("counts what earlier runs have copied", async () => {
    const shared = room({ space: 100 });
    shared.hold(A, 99);
    await expect(shared.take(B, 2)).rejects.toEqual(full);
    await shared.take(B, 1);
  });

  it("says how much there is, and which setting says so", async () => {
    const error = await room({ space: 2_000_000 })
      .take(A, 2_000_001)
      .catch((thrown) => thrown);
    expect(error.message).toBe("no room on this device to keep what is to be sent: copies may take 2.0 MB together");
    expect(error.kind.hint).toContain("queue.space");
  });

  it("has no limit of its own where the setting is 0", async () => {
    await room({ space: 0 }).take(A, 900 * MiB);
  });

  it("ends before the reserve of the disk, which is a twentieth of a small one at most", async () => {
    await expect(room({ reserve: 30 * MiB }, { free: 40, asked: 0 }).take(A, 11 * MiB)).rejects.toEqual(full);
    await room({ reserve: 30 * MiB }, { free: 40, asked: 0 }).take(A, 10 * MiB);
    await room({ reserve: 900 * MiB }, { free: 60, asked: 0 }).take(A, 10 * MiB);
    await expect(room({ reserve: 900 * MiB }, { free: 60, asked: 0 }).take(A, 11 * MiB)).rejects.toEqual(full);
  });

  it("asks the disk again every 16 MiB, and each time while it is full", async () => {
    const disk = { free: 1_000, asked: 0 };
    const shared = room({}, disk);
    for (let n = 0; n < 64; n++) await shared.take(A, MiB);
    expect(disk.asked).toBe(4);
    disk.free = 0;
    const refused = async () => await expect(shared.take(B, 16 * MiB)).rejects.toEqual(full);
    await refused();
    await refused();
    expect(disk.asked).toBe(6);
  });
});
